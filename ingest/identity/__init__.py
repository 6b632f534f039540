"""Names, phones and accounts, kept apart from everything else."""

from ingest.identity.readings import Reading, Readings
from ingest.identity.vault import KeyFile, Recognised, Vault

__all__ = ["KeyFile", "Reading", "Readings", "Recognised", "Vault"]
