"""From the lake to the published warehouse: every model of dbt, its tests, and the quality checks."""

# No postponed annotations: Dagster reads those of the context.

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext
from dagster_dbt import DagsterDbtTranslator, build_dbt_asset_specs

from pipelines.defs.keys import NEW_RECORDS, PUBLISHED, RECORDS
from pipelines.defs.running import Open, step
from pipelines.quality import Finding, QualityGate, suites
from pipelines.steps.build import build as build_warehouse
from pipelines.steps.build import data_docs
from warehouse.build import BuildOptions
from warehouse.dbt import Node
from warehouse.errors import QualityFailed

__all__ = ["build_assets", "definitions"]

_SENSOR_S = 30
_Result = dg.MaterializeResult[None] | dg.AssetCheckResult


class _Translator(DagsterDbtTranslator):
    """Keys are [schema, name]; versions of a model share their name, not their alias."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["alias"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["schema"])


def _test_specs(manifest: Mapping[str, Any]) -> dict[str, dg.AssetCheckSpec]:
    """Each test of dbt as a check of the model that it is about, by the test's name."""
    translator, nodes = _Translator(), manifest["nodes"]
    found = {}
    for test in nodes.values():
        if test["resource_type"] == "test":
            models = [m for m in (test.get("attached_node"), *test["depends_on"]["nodes"]) if m in nodes]
            keys = list(dict.fromkeys(translator.get_asset_key(nodes[m]) for m in models))
            if keys:  # the others are about a source
                found[test["name"]] = dg.AssetCheckSpec(
                    test["name"], asset=keys[0], additional_deps=keys[1:], description=test.get("description") or None
                )
    return found


def _key(result: _Result) -> dg.AssetKey | dg.AssetCheckKey:
    assert isinstance(result.asset_key, dg.AssetKey)
    if isinstance(result, dg.MaterializeResult):
        return result.asset_key
    assert result.check_name is not None
    return dg.AssetCheckKey(result.asset_key, result.check_name)


def _judged(check: str, suite: str, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    unmet = [f for f in findings if f.suite == suite and not f.is_met]
    severe = any(f.severity == "error" for f in unmet)
    return dg.AssetCheckResult(
        passed=not unmet, asset_key=PUBLISHED, check_name=check,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={"not met": [f"{f.programme_id}: {f.claim_en} ({f.examples})" for f in unmet]},
    )  # fmt: skip


def build_assets(open_workspace: Open, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """All models and the published file, by one step: a build is published as a whole or not at all."""
    models = build_dbt_asset_specs(manifest=manifest, dagster_dbt_translator=_Translator())
    published = dg.AssetSpec(
        PUBLISHED, deps=[m.key for m in models if m.key.path[0] == "marts"], group_name="warehouse", kinds={"duckdb"},
        description="The marts that have passed every test and check, replaced by rename.",
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=26)),
    )  # fmt: skip
    tests = _test_specs(manifest)
    quality = {suite.name: dg.AssetCheckSpec(suite.claim, asset=PUBLISHED, blocking=True) for suite in suites()}
    by_name = {m.key.path[1]: m.key for m in models}

    def of_node(node: Node) -> _Result | None:
        if node.kind == "model":
            return dg.MaterializeResult(by_name[node.name], metadata={"seconds": node.seconds})
        if node.name in tests:
            return dg.AssetCheckResult(
                passed=node.status == "pass", asset_key=tests[node.name].asset_key, check_name=node.name,
                severity=dg.AssetCheckSeverity.WARN if node.status == "warn" else dg.AssetCheckSeverity.ERROR,
            )  # fmt: skip
        return None

    @dg.multi_asset(
        name="build",
        specs=[m.replace_attributes(skippable=True) for m in [*models, published]],
        check_specs=[*tests.values(), *quality.values()],
        # A build is always whole; but with can_subset, Dagster asks no result of a check that was not reached.
        can_subset=True,
    )
    def build(context: AssetExecutionContext) -> Iterator[_Result]:
        wanted = {*context.selected_asset_keys, *context.selected_asset_check_keys}

        def asked(results: Iterable[_Result]) -> Iterator[_Result]:
            return (r for r in results if _key(r) in wanted)

        with step(context, open_workspace) as workspace:
            gate = QualityGate(data_docs(workspace))
            judged = (_judged(c.name, suite, gate.findings) for suite, c in quality.items())
            try:
                done = build_warehouse(workspace, BuildOptions(), gate)
            except QualityFailed:
                yield from asked(judged)
                raise
            yield from asked(result for node in done.nodes if (result := of_node(node)) is not None)
            info = done.info
            metadata: dict[str, str | int | bool] = {
                "build": info.build_id, "new": done.is_new, "full": done.is_full, "lake version": info.lake_version,
            }  # fmt: skip
            yield from asked([dg.MaterializeResult(PUBLISHED, metadata=metadata)])
            if done.is_new:
                yield from asked(judged)

    return build


def definitions(open_workspace: Open, manifest: Mapping[str, Any]) -> dg.Definitions:
    """The build, whenever the lake has gained records."""
    built = build_assets(open_workspace, manifest)
    job = dg.define_asset_job(
        "build_warehouse", dg.AssetSelection.assets(built), description="Build, test, check and publish the warehouse."
    )

    @dg.sensor(job=job, minimum_interval_seconds=_SENSOR_S, default_status=dg.DefaultSensorStatus.RUNNING)
    def lake_has_news(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Asks for a build, once for each state of the lake: one that cannot be built is not tried for ever."""
        workspace = open_workspace()
        snapshot = workspace.lake.snapshot() if workspace.lake.exists else None
        if snapshot is None or workspace.warehouse.has_read(snapshot):
            yield dg.SkipReason("the published warehouse has read all that the lake holds")
        else:
            yield dg.RunRequest(run_key=f"lake/{'-'.join(map(str, snapshot.next_offsets.values()))}")

    packs = [
        dg.AssetSpec([s["source_name"], s["name"]], group_name="packs", description=s["description"], kinds={"csv"})
        for s in manifest["sources"].values()
        if s["source_name"] == "reference"
    ]
    new = dg.AssetSpec(NEW_RECORDS, deps=[RECORDS], group_name="lake", description="What the last build has not read.")
    return dg.Definitions(assets=[*packs, new, built], jobs=[job], sensors=[lake_has_news])
