"""The event log: its contract and its two adapters."""
