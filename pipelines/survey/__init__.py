"""Satisfaction surveys: files read by their form, and what the answers say."""
