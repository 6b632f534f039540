"""Runs the suites against a build, writes Data Docs, and says what is not met."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.errors import QualityFailed
from warehouse.publish import QUALITY_CHECKS, BuildInfo

__all__ = ["Finding", "QualityGate", "check", "notes", "suites"]

_SEVERITIES = {"critical": "error", "warning": "warn", "info": "info"}
#: Rows that a finding shows of those that are not as expected.
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation about one programme; the fields are the columns of the published ``quality_checks``."""

    suite: str
    programme_id: str
    claim_zh: str
    claim_en: str
    severity: str
    is_met: bool
    checked_count: int
    unexpected_count: int
    examples: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A table of aggregates and what is expected of it."""

    sql: str
    expectations: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.expectations["name"])

    @property
    def claim(self) -> str:
        """What it says if it is met, as a name."""
        return str(self.expectations["meta"]["check"])


def suites() -> list[Suite]:
    """Every suite, those of what enters first."""
    folder = resources.files("pipelines.quality") / "suites"
    found = sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))
    return [
        Suite((folder / f"{n}.sql").read_text("utf-8"), json.loads((folder / f"{n}.json").read_text("utf-8")))
        for n in found
    ]


class QualityGate:
    """What :meth:`warehouse.build.Warehouse.build` asks before it publishes; Data Docs go into ``data_docs``.

    Attributes:
        findings: every one of the build that was judged, published or not.
    """

    def __init__(self, data_docs: Path) -> None:
        self.data_docs = data_docs
        self.findings: list[Finding] = []
        self._loading: threading.Thread | None = None

    def prepare(self) -> None:
        """Import Great Expectations (2.5 s) while the models run, which are another process."""
        self._loading = threading.Thread(target=_load)
        self._loading.start()

    def judge(self, candidate: Path, info: BuildInfo) -> pa.Table:
        """Every finding; raises QualityFailed where an expectation of severity error is not met."""
        if self._loading is not None:
            self._loading.join()
        with duckdb.connect(str(candidate), read_only=True) as con:
            con.execute("set timezone = 'UTC'")
            self.findings = check(con, info, self.data_docs)
        failed = [f for f in self.findings if not f.is_met and f.severity == "error"]
        if failed:
            raise QualityFailed(
                "nothing was published; what was published before stands. Not as it must be:\n"
                + "\n".join(f"  {f.programme_id}: {f.claim_en} ({f.examples})" for f in failed)
                + f"\nAll checks: {self.data_docs / 'index.html'}"
            )
        return pa.Table.from_pylist([asdict(f) for f in self.findings], schema=QUALITY_CHECKS)


def _load() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of pandas and marshmallow
        import great_expectations  # noqa: F401


def notes(con: duckdb.DuckDBPyConnection, programme_id: str) -> list[tuple[str, str, str]]:
    """What a report must print of a published build: (claim in Chinese, in English, examples) that are not met."""
    return con.execute(
        "select claim_zh, claim_en, examples from quality_checks"
        " where programme_id = ? and not is_met and severity <> 'info' order by suite, claim_en",
        [programme_id],
    ).fetchall()


def check(con: duckdb.DuckDBPyConnection, info: BuildInfo, data_docs: Path) -> list[Finding]:
    """Every expectation about every programme of a private build; writes Data Docs too, all of them or none."""
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as name, _context(Path(name)) as context:
        import great_expectations as gx

        source = context.data_sources.add_pandas("build")
        for suite in suites():
            parameters = {"built_at": info.built_at} if "$built_at" in suite.sql else None
            frame = con.execute(suite.sql, parameters).fetch_df()
            expected = context.suites.add(gx.ExpectationSuite(**suite.expectations))
            batch = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("all")
            definition = context.validation_definitions.add(
                gx.ValidationDefinition(name=suite.name, data=batch, suite=expected)
            )
            checkpoint = context.checkpoints.add(
                gx.Checkpoint(
                    name=suite.name,
                    validation_definitions=[definition],
                    result_format={
                        "result_format": "COMPLETE",
                        "unexpected_index_column_names": ["programme_id", *suite.expectations["meta"]["keys"]],
                    },
                )
            )
            if not len(frame):
                continue
            # All programmes at once: a run takes a third of a second, and a record may name as many as there are records.
            done = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=gx.RunIdentifier(run_name=suite.name))
            (outcome,) = done.run_results.values()
            findings += [found for one in outcome.results for found in _findings(suite, frame, one)]
        context.build_data_docs()
        _replace(Path(name) / "docs", data_docs)
    return findings


def _findings(suite: Suite, frame: Any, outcome: Any) -> Iterator[Finding]:
    """What an expectation, which is of each row of ``frame``, says of each programme in it."""
    if outcome.exception_info.get("raised_exception"):
        # An expectation that cannot be computed says nothing about the data: a defect of ours.
        raise RuntimeError(f"{suite.name}: {outcome.exception_info.get('exception_message')}")
    config, keys = outcome.expectation_config, suite.expectations["meta"]["keys"]
    unexpected: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in outcome.result.get("unexpected_index_list") or []:
        unexpected[str(row["programme_id"])].append(row)
    counts = frame.groupby("programme_id", sort=True)[config.kwargs["column"]].count()
    for programme_id, count in counts.items():
        rows = unexpected[str(programme_id)]
        examples = "; ".join(
            " ".join(str(row[k]) for k in keys)
            + ": "
            + ", ".join(_plain(v) for k, v in row.items() if k not in ("programme_id", *keys))
            for row in rows[:_EXAMPLES]
        )
        yield Finding(
            suite=suite.name,
            programme_id=str(programme_id),
            claim_zh=config.meta["claim_zh"],
            claim_en=config.meta["claim_en"],
            severity=_SEVERITIES[str(getattr(config.severity, "value", config.severity))],
            is_met=count - len(rows) >= config.kwargs.get("mostly", 1) * count,
            checked_count=int(count),
            unexpected_count=len(rows),
            examples=examples + (" …" if len(rows) > _EXAMPLES else ""),
        )


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def _context(folder: Path) -> Iterator[Any]:
    """An ephemeral context of Great Expectations that reports to nobody and writes its Data Docs into ``folder``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of pandas and marshmallow
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        config = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
            data_docs_sites={
                "checks": {
                    "class_name": "SiteBuilder",
                    "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                    "show_how_to_buttons": False,
                    "store_backend": {
                        "class_name": "TupleFilesystemStoreBackend",
                        "base_directory": str(folder / "docs"),
                    },
                }
            },
        )
        yield gx.get_context(project_config=config, mode="ephemeral")


def _replace(fresh: Path, target: Path) -> None:
    """Put a folder in another's place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(fresh, beside)
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)
