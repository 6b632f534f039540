"""Settings: the only place that reads the environment."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.identity import KeyFile
from pipelines.words import LANGUAGES
from warehouse.errors import BadConfiguration, IdentityError

__all__ = ["NAMED_KINDS", "VARIABLES", "Settings", "default_language", "told_settings"]

#: Every variable that is read, with what it means; ``xueqing settings`` prints them.
VARIABLES: Mapping[str, str] = {
    "XUEQING_HOME": "folder for everything below (default: ./xueqing-data)",
    "XUEQING_LOG": "the log: sqlite:PATH or kafka://HOST:PORT[,HOST:PORT]/TOPIC (default: sqlite in the home)",
    "XUEQING_LAKE": "folder or s3:// URI of the lake (default: lake in the home)",
    "XUEQING_PROGRAMMES": "a folder of further programme packs",
    "XUEQING_VAULT": "the vault: a file, or postgresql://… where several servers share it (default: vault.sqlite in the home)",
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
    "XUEQING_PUBLISHED_GROUP": "a group of this machine that may read the published warehouse, and nothing else (default: none)",
    "XUEQING_NAMED": "what scheduled runs write with names besides, comma-separated: bulletins, briefings (default: nothing)",
    "XUEQING_NAMED_PASSWORD_FILE": "a file whose first line is the password of every file with names (default: none)",
    "XUEQING_LANGUAGE": "zh or en: the language of the terminal, of reports' start pages, of scheduled runs and of the server's pages (default: the"
    " locale's on the terminal, the browser's on the server, zh in scheduled runs)",
    "XUEQING_PARTITIONS": "partitions of a new log (default: 4)",
}
#: What XUEQING_NAMED may name.
NAMED_KINDS = ("bulletins", "briefings")
#: Those whose value is, or may hold, a secret.
_SECRET = frozenset({"XUEQING_VAULT_KEY", "XUEQING_ALERT_WEBHOOK", "XUEQING_SMTP"})


def told_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """The variables that are set, with their values; None in place of one that is a secret, or an address with somebody's password."""
    return {
        name: None if name in _SECRET or ("://" in environ[name] and "@" in environ[name]) else environ[name]
        for name in VARIABLES
        if name in environ
    }


def _chosen_language(environ: Mapping[str, str]) -> str:
    language = environ.get("XUEQING_LANGUAGE", "")
    if language and language not in LANGUAGES:
        raise BadConfiguration(f"XUEQING_LANGUAGE is {' or '.join(LANGUAGES)}, not {language!r}")
    return language


def default_language(environ: Mapping[str, str] = os.environ) -> str:
    """The language of the terminal: the one that is set, else ``zh`` in a Chinese locale and ``en`` in any other.

    Raises:
        BadConfiguration: XUEQING_LANGUAGE names a language that there is not.
    """
    name = environ.get("LC_ALL") or environ.get("LANG") or locale.getlocale()[0] or ""
    return _chosen_language(environ) or ("zh" if name.lower().startswith("zh") else "en")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is."""

    home: Path
    log: str
    lake: str
    programmes: Path | None
    vault: Path
    vault_database: str = field(repr=False)
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
    published_group: str = ""
    #: Empty where none is set: whoever asks has a default of its own.
    language: str = ""
    named_kinds: tuple[str, ...] = ()
    named_password_file: Path | None = None

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
        named = tuple(kind.strip() for kind in environ.get("XUEQING_NAMED", "").split(",") if kind.strip())
        if unknown := [kind for kind in named if kind not in NAMED_KINDS]:
            raise BadConfiguration(f"XUEQING_NAMED takes {', '.join(NAMED_KINDS)}, not {', '.join(unknown)}")
        password_file = environ.get("XUEQING_NAMED_PASSWORD_FILE")
        vault = environ.get("XUEQING_VAULT", str(home / "vault.sqlite"))
        has_database = vault.startswith(("postgresql://", "postgres://"))
        return cls(
            home=home,
            log=environ.get("XUEQING_LOG", f"sqlite:{home / 'log.sqlite'}"),
            lake=environ.get("XUEQING_LAKE", str(home / "lake")),
            programmes=Path(extra).expanduser() if extra else None,
            # Of a vault in a database the path names no file.
            vault=home / "vault.sqlite" if has_database else Path(vault).expanduser(),
            vault_database=vault if has_database else "",
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
            published_group=environ.get("XUEQING_PUBLISHED_GROUP", ""),
            language=_chosen_language(environ),
            named_kinds=named,
            named_password_file=Path(password_file).expanduser() if password_file else None,
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
    def named(self) -> Path:
        """The folder of files with people's names."""
        return self.home / "named"

    @property
    def readings(self) -> Path:
        """The file that records who has read names."""
        return self.home / "people-readings.sqlite"

    @property
    def keys(self) -> Path:
        """The file of clients' keys."""
        return self.home / "keys.sqlite"

    @property
    def attachments(self) -> Path:
        """The folder of xAPI attachments."""
        return self.home / "attachments"

    def read_named_password(self, file: Path | None = None) -> str | None:
        """The password of files with names, from ``file`` or the file that the setting names; None where there is neither.

        Raises:
            BadConfiguration: it cannot be read, or its first line is empty.
        """
        file = file or self.named_password_file
        if file is None:
            return None
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise BadConfiguration(f"the password's file {file} cannot be read") from None
        if not lines or not lines[0]:
            raise BadConfiguration(f"the first line of {file} is empty; it is the password of the files")
        return lines[0]

    @property
    def has_key_beside_vault(self) -> bool:
        """Whether whoever copies the vault's folder has its key, too."""
        return (
            not self.vault_database
            and self.vault_key is None
            and self.vault_key_file.is_file()
            and self.vault_key_file.absolute().parent == self.vault.absolute().parent
        )

    def read_vault_key(self, *, create: bool) -> bytes:
        """The vault's key; with ``create``, a fresh random one where neither vault nor key exists.

        Raises:
            IdentityError: there is no key.
        """
        if self.vault_key is not None:
            return KeyFile.parse(self.vault_key)
        if self.vault_key_file.is_file():
            return KeyFile.parse(self.vault_key_file.read_text(encoding="ascii", errors="replace"))
        if create and not self.vault_database and not self.vault.exists():
            return KeyFile.create(self.vault_key_file)
        raise IdentityError(
            f"there is no key for the vault: set XUEQING_VAULT_KEY, or XUEQING_VAULT_KEY_FILE ({self.vault_key_file} is absent)"
        )
