"""Stands in for dbt's cross-database macros when sqlfluff renders the models."""


def type_string():
    """A type for text."""
    return "varchar"
