"""The satisfaction survey, and the audit of published figures."""
