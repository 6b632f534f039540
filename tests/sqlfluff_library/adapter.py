"""Stands in for dbt's ``adapter`` when sqlfluff renders the models: any macro is a call."""


def quote(name):
    """A name as DuckDB quotes it."""
    return f'"{name}"'


def dispatch(name):
    """A macro of that name as a function call on its first argument."""
    return lambda *arguments: f"{name}({arguments[0] if arguments and isinstance(arguments[0], str) else 'value'})"
