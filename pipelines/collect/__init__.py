"""Brings events into the log and the log into the lake: simulations, files, other stores; and statements out again."""
