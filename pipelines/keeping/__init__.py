"""Keeps what cannot be made again: backup and restore, copies of a log, records that only the lake still has."""
