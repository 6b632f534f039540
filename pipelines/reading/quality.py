"""What the quality checks found of a published build."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

__all__ = ["CheckResult", "read_checks"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One expectation about one programme, its claim in the language that was asked for."""

    programme_id: str
    suite: str
    claim: str
    severity: str
    is_met: bool
    checked_count: int
    unexpected_count: int
    examples: str


def read_checks(con: duckdb.DuckDBPyConnection, programme_id: str | None, language: str) -> list[CheckResult]:
    """Every result of a programme (default: of all), those not met first within their suite."""
    claim = "claim_zh" if language == "zh" else "claim_en"
    rows = con.execute(
        f"select programme_id, suite, {claim}, severity, is_met, checked_count, unexpected_count, examples"
        " from quality_checks where programme_id = coalesce(?, programme_id) order by programme_id, suite, is_met, 3",
        [programme_id],
    ).fetchall()
    return [CheckResult(*row) for row in rows]
