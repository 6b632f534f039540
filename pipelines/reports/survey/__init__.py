"""The survey report: what was answered, how sure that is, and who did not answer."""
