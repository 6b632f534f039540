"""What must hold of the data that enters and of the figures that leave, as Great Expectations suites.

A suite is two files in ``suites/``: the SQL of a small table of aggregates, and the expectations about it as JSON
(``severity`` critical stops publication, warning is printed in the reports).
"""

from pipelines.quality.checks import Finding, QualityGate, check, notes, suites

__all__ = ["Finding", "QualityGate", "check", "notes", "suites"]
