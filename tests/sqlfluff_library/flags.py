"""Stands in for dbt's ``flags``: the models are linted as an update builds them."""

FULL_REFRESH = False
