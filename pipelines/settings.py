"""Settings: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.identity import KeyFile
from warehouse.errors import BadConfiguration, IdentityError

__all__ = ["VARIABLES", "Settings"]

#: Every variable that is read, with what it means; ``xueqing settings`` prints them.
VARIABLES: Mapping[str, str] = {
    "XUEQING_HOME": "folder for everything below (default: ./xueqing-data)",
    "XUEQING_LOG": "the log: sqlite:PATH or kafka://HOST:PORT[,HOST:PORT]/TOPIC (default: sqlite in the home)",
    "XUEQING_LAKE": "folder or s3:// URI of the lake (default: lake in the home)",
    "XUEQING_PROGRAMMES": "a folder of further programme packs",
    "XUEQING_VAULT": "the vault's file (default: vault.sqlite in the home)",
    "XUEQING_VAULT_KEY": "the vault's key itself, base64",
    "XUEQING_VAULT_KEY_FILE": "a file with the vault's key (default: vault.key in the home)",
    "XUEQING_SPARK_JARS": "comma-separated jars of Delta for Spark (default: Spark fetches them from Maven Central)",
    "XUEQING_ALERT_WEBHOOK": "where a failed unattended run is posted to, as JSON (default: nowhere)",
    "XUEQING_ALERT_MAIL": "addresses that are written to of a failed unattended run, comma-separated (default: none)",
    "XUEQING_SMTP": "the mail server for that: smtp[s]://[USER:PASSWORD@]HOST[:PORT] (default: smtp://localhost)",
    "XUEQING_STATEMENT_INDEX": "the index of statements: sqlite:PATH or postgresql://… (default: sqlite in the home)",
    "XUEQING_OIDC_ISSUER": "an OpenID Connect provider whose bearer tokens xueqing serve takes (default: none)",
    "XUEQING_OIDC_AUDIENCE": "whom its tokens are to be for (default: xueqing)",
    "XUEQING_OIDC_CLAIM": "the claim of a token that names the programme (default: programme_id)",
    "XUEQING_PARTITIONS": "partitions of a new log (default: 4)",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is."""

    home: Path
    log: str
    lake: str
    programmes: Path | None
    vault: Path
    vault_key: str | None
    vault_key_file: Path
    partitions: int
    spark_jars: str
    alert_webhook: str = field(repr=False)
    alert_mail: tuple[str, ...]
    smtp: str = field(repr=False)
    statement_index: str = field(repr=False)
    oidc_issuer: str
    oidc_audience: str
    oidc_claim: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings from the variables; what is not set has a default.

        Raises:
            BadConfiguration: a value cannot be used.
        """
        home = Path(environ.get("XUEQING_HOME", "xueqing-data")).expanduser().absolute()
        try:
            partitions = int(environ.get("XUEQING_PARTITIONS", "4"))
        except ValueError as error:
            raise BadConfiguration("XUEQING_PARTITIONS is not a whole number") from error
        if not 1 <= partitions <= 256:
            raise BadConfiguration("XUEQING_PARTITIONS must be between 1 and 256")
        extra = environ.get("XUEQING_PROGRAMMES")
        return cls(
            home=home,
            log=environ.get("XUEQING_LOG", f"sqlite:{home / 'log.sqlite'}"),
            lake=environ.get("XUEQING_LAKE", str(home / "lake")),
            programmes=Path(extra).expanduser() if extra else None,
            vault=Path(environ.get("XUEQING_VAULT", home / "vault.sqlite")).expanduser(),
            vault_key=environ.get("XUEQING_VAULT_KEY"),
            vault_key_file=Path(environ.get("XUEQING_VAULT_KEY_FILE", home / "vault.key")).expanduser(),
            partitions=partitions,
            spark_jars=environ.get("XUEQING_SPARK_JARS", ""),
            alert_webhook=environ.get("XUEQING_ALERT_WEBHOOK", ""),
            alert_mail=tuple(a.strip() for a in environ.get("XUEQING_ALERT_MAIL", "").split(",") if a.strip()),
            smtp=environ.get("XUEQING_SMTP", "smtp://localhost"),
            statement_index=environ.get("XUEQING_STATEMENT_INDEX", f"sqlite:{home / 'statement-index.sqlite'}"),
            oidc_issuer=environ.get("XUEQING_OIDC_ISSUER", ""),
            oidc_audience=environ.get("XUEQING_OIDC_AUDIENCE", "xueqing"),
            oidc_claim=environ.get("XUEQING_OIDC_CLAIM", "programme_id"),
        )

    @property
    def warehouse(self) -> Path:
        """The folder of the private build and the published file."""
        return self.home / "warehouse"

    @property
    def bulletins(self) -> Path:
        """The folder of issued bulletins."""
        return self.home / "bulletins"

    @property
    def briefings(self) -> Path:
        """The folder of briefings, packs and evaluation reports, by programme and date."""
        return self.home / "briefings"

    @property
    def keys(self) -> Path:
        """The file of clients' keys."""
        return self.home / "keys.sqlite"

    @property
    def attachments(self) -> Path:
        """The folder of xAPI attachments."""
        return self.home / "attachments"

    def read_vault_key(self, *, create: bool) -> bytes:
        """The vault's key; with ``create``, a fresh random one where neither vault nor key exists.

        Raises:
            IdentityError: there is no key.
        """
        if self.vault_key is not None:
            return KeyFile.parse(self.vault_key)
        if self.vault_key_file.is_file():
            return KeyFile.parse(self.vault_key_file.read_text(encoding="ascii", errors="replace"))
        if create and not self.vault.exists():
            return KeyFile.create(self.vault_key_file)
        raise IdentityError(
            f"there is no key for the vault: set XUEQING_VAULT_KEY, or XUEQING_VAULT_KEY_FILE ({self.vault_key_file} is absent)"
        )
