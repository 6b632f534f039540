"""The index of statements and documents, on SQLite and PostgreSQL: a projection of the log."""
