"""Audits printed figures: what cannot be true of them, what could be, and how much a pass says."""
