"""From an accepted request to the log and the index."""
