"""The closing evaluation report: every table and figure from events, each with its trace."""
