"""Names, phones and accounts, kept apart from everything else."""

from ingest.identity.vault import KeyFile, Vault

__all__ = ["KeyFile", "Vault"]
