"""The error tree of Xueqing. Retrying reads the *type*, never the message.

XueqingError
├── Terminal                 trying again as it is will fail again; the message says what to change
│   ├── BadConfiguration     a setting, a pack or a path is wrong
│   │   └── NoLog            there is no log where one is to be read
│   ├── LakeMismatch         the lake belongs to another log, or has a schema this version does not know
│   ├── LogTruncated         the log no longer holds records that the lake has not covered
│   ├── LogReplaced          the log is not the one that was read before: restored from an older copy, or made again
│   ├── LakeDamaged          a file of the lake is missing or cannot be read
│   ├── WarehouseDamaged     the published file cannot be read
│   ├── IndexDamaged         the index of statements cannot be read
│   ├── BuildFailed          a model or a test of the warehouse failed; nothing was published
│   │   └── QualityFailed    the build is not as it must be, by the quality checks
│   ├── SealBroken           an issued report is not, or would not be, what was issued
│   ├── NotPublished         there is no published warehouse yet
│   ├── BadSource            an importer cannot read its source at all
│   └── IdentityError        the vault cannot be opened, or holds no such person
└── Transient                worth trying again
    ├── LogUnavailable       the broker or the file cannot be reached at the moment
    ├── StorageUnavailable   a disk is full, or a folder may not be written to
    ├── LakeBusy             the lake is being made again, or sinks write to it while it is to be
    ├── AlertNotSent         nobody could be told of a failure
    ├── BuildInProgress      another process is building; two cannot
    └── CommitRefused        another sink owns the partition now; start again from the lake
"""

from __future__ import annotations

__all__ = [
    "AlertNotSent",
    "BadConfiguration",
    "BadSource",
    "BuildFailed",
    "BuildInProgress",
    "CommitRefused",
    "IdentityError",
    "IndexDamaged",
    "LakeBusy",
    "LakeDamaged",
    "LakeMismatch",
    "LogReplaced",
    "LogTruncated",
    "LogUnavailable",
    "NoLog",
    "NotPublished",
    "QualityFailed",
    "SealBroken",
    "StorageUnavailable",
    "Terminal",
    "Transient",
    "WarehouseDamaged",
    "XueqingError",
]


class XueqingError(Exception):
    """Root of every error that Xueqing raises on purpose."""


class Terminal(XueqingError):
    """Trying again as it is will fail again."""


class Transient(XueqingError):
    """Trying again may succeed."""


class BadConfiguration(Terminal):
    """A setting, a programme pack or a path is wrong."""


class NoLog(BadConfiguration):
    """There is no log where one is to be read."""


class LakeMismatch(Terminal):
    """The lake belongs to another log or was written with an unknown schema."""


class LogTruncated(Terminal):
    """The log has lost records that the lake had not covered."""


class LogReplaced(Terminal):
    """The log does not hold what was read from it before."""


class LakeDamaged(Terminal):
    """A file of the lake is missing or cannot be read."""


class WarehouseDamaged(Terminal):
    """The published file cannot be read."""


class IndexDamaged(Terminal):
    """The index of statements cannot be read."""


class BuildFailed(Terminal):
    """A model or test failed; what was published before stands."""


class QualityFailed(BuildFailed):
    """A quality check of severity error is not met; what was published before stands."""


class SealBroken(Terminal):
    """An issued report is not what was issued, or would come out otherwise."""


class NotPublished(Terminal):
    """No warehouse has been published yet."""


class BadSource(Terminal):
    """An importer cannot read its source."""


class IdentityError(Terminal):
    """The vault cannot be opened or holds no such person."""


class LogUnavailable(Transient):
    """The log cannot be reached at the moment."""


class BuildInProgress(Transient):
    """Another process holds the build."""


class CommitRefused(Transient):
    """Another sink has committed this partition; this one's view is stale."""


class StorageUnavailable(Transient):
    """A disk is full, or a folder may not be written to."""


class LakeBusy(Transient):
    """The lake is being made again, or sinks write to it while it is to be."""


class AlertNotSent(Transient):
    """Nobody could be told of a failure by webhook or mail."""
