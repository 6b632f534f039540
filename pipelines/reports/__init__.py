"""Reports: query → model → terminal, HTML."""
