"""Tells people of a run that failed: by webhook and by mail."""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from pipelines.settings import Settings
from warehouse.errors import AlertNotSent, BadConfiguration

__all__ = ["Alert", "send"]

_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """A failed run: its job, the bulletin's number where it is about one, its id, and a reason for each failed step."""

    job: str
    partition: str | None
    run_id: str
    reasons: Sequence[str]

    @property
    def subject(self) -> str:
        of = f" {self.partition}" if self.partition else ""
        return f"Xueqing: {self.job}{of} failed"

    @property
    def text(self) -> str:
        return "\n".join([*self.reasons, "", f"Run {self.run_id}; its log is on Dagster's page."])


def send(settings: Settings, alert: Alert) -> None:
    """Send it wherever the settings say; every way is tried.

    Raises:
        AlertNotSent: at least one way failed.
    """
    failed = []
    for told, way in ((settings.alert_webhook, _post), (settings.alert_mail, _mail)):
        if told:
            try:
                way(settings, alert)
            except (OSError, smtplib.SMTPException) as error:
                failed.append(f"{way.__name__.strip('_')}: {type(error).__name__}")
    if failed:
        raise AlertNotSent(
            f"nobody was told of run {alert.run_id} by {', '.join(failed)}; see XUEQING_ALERT_… and XUEQING_SMTP"
        )


def _post(settings: Settings, alert: Alert) -> None:
    # `text` is what the chat services' incoming webhooks show.
    body = json.dumps({"text": f"{alert.subject}\n{alert.text}", **asdict(alert)}, ensure_ascii=False).encode()
    if urlsplit(settings.alert_webhook).scheme not in ("http", "https"):
        raise BadConfiguration("XUEQING_ALERT_WEBHOOK is no http or https address")
    request = urllib.request.Request(settings.alert_webhook, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
        pass


def _mail(settings: Settings, alert: Alert) -> None:
    server = urlsplit(settings.smtp)
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        raise BadConfiguration("XUEQING_SMTP takes smtp[s]://[USER:PASSWORD@]HOST[:PORT]")
    message = EmailMessage()
    message["Subject"] = alert.subject
    user, password = unquote(server.username or ""), unquote(server.password or "")
    message["From"] = user if "@" in user else f"xueqing@{server.hostname}"
    message["To"] = ", ".join(settings.alert_mail)
    message.set_content(alert.text)
    if server.scheme == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL(server.hostname, server.port or 465, timeout=_TIMEOUT_S)
    else:
        client = smtplib.SMTP(server.hostname, server.port or 25, timeout=_TIMEOUT_S)
    with client:
        if user:
            if server.scheme == "smtp":
                client.starttls(context=ssl.create_default_context())  # a password goes over nothing else
            client.login(user, password)
        client.send_message(message)
