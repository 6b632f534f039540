"""Stands in for what dbt gives to models when sqlfluff renders them."""

from pathlib import Path

import yaml

_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project" / "dbt_project.yml"


def var(name, default=None):
    """A variable of the project."""
    return yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"].get(name, default)
