"""Commands about single figures: indicators, explain, restate, scorecard."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table

from pipelines.commands.forgetting import print_retired
from pipelines.commands.options import AsOf, KnownBy, Language, WithNames, known_before, naming_of, parse_date
from pipelines.console import output
from pipelines.reading.asked_figure import parse_figure
from pipelines.reading.excellence import read_proposals
from pipelines.reading.indicators import read_indicators
from pipelines.reading.marts import open_marts
from pipelines.reading.restatement import restate as compare
from pipelines.reading.scorecard import read_scorecard
from pipelines.reading.trace import counts_of, enrolments_behind, events_behind, trace, write_relation
from pipelines.reports.people import Persons
from pipelines.settings import Settings, default_language
from pipelines.steps.build import published
from pipelines.steps.naming import name_enrolments
from pipelines.words import count_text, percent, words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (indicators, explain, restate, scorecard, excellent):
        app.command()(command)


def _table(*columns: tuple[str, bool], title: str = "") -> Table:
    table = Table(title=title or None, title_justify="left", header_style="bold", box=HORIZONTALS, pad_edge=False)
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number)
    return table


def _plain(value: Decimal) -> str:
    """A decimal without zeros that say nothing."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _who(persons: Persons | None, name: str, language: str) -> str:
    """An enrolment or a member of staff, with name, school and phone where these were asked for."""
    person = persons.people.get(name) if persons else None
    if person is None:
        return name
    school = person.school.of(language) if person.school else ""
    return " ".join(text for text in (person.name, school, person.phone, name) if text)


def _move(now: tuple[int, int], before: tuple[int, int] | None) -> str:
    """The change of a rate in percentage points, of the printed decimals' size."""
    if before is None or not now[1] or not before[1]:
        return ""
    change = round(10_000 * (now[0] * before[1] - before[0] * now[1]) / (now[1] * before[1]))
    return f"{change / 100:+.2f}"


def indicators(
    programme: Annotated[str, typer.Argument(help="Programme id.")] = "tianshui-2017",
    by: Annotated[str, typer.Option(help="Breakdown: county, subject, class, county_subject, tier, …")] = "programme",
    as_of: AsOf = None,
    since: Annotated[str | None, typer.Option(help="Show the change since this earlier local date.")] = None,
    known_by: KnownBy = None,
    only: Annotated[list[str] | None, typer.Option("--indicator", "-i", help="Only these indicators.")] = None,
    language: Language = None,
) -> None:
    """Print every indicator of a programme with its counts, ranks and the change since an earlier date."""
    workspace = Workspace(Settings.from_environment())
    before = known_before(workspace, programme, known_by)
    lang = language or default_language()
    with open_marts(published(workspace, before)) as con:
        found = read_indicators(con, programme, parse_date(as_of), breakdown=by, since=parse_date(since), language=lang)
    if only and (unknown := set(only) - {f.indicator for f in found}):
        raise BadConfiguration(f"{programme} has no indicator {', '.join(sorted(unknown))}")
    # Short heads: the figures must fit in 80 columns.
    w = words_of("indicators", lang)
    heads = [
        "indicator",
        "cell",
        "numerator",
        "denominator",
        "rate",
        "rank",
        *(["change", "rank_before"] if since else []),
    ]
    columns = [(w[head], at > 1) for at, head in enumerate(heads)]
    table = _table(*columns)
    last = ""
    for f in found:
        if only and f.indicator not in only:
            continue
        label = f.label_zh if lang == "zh" else f.label_en
        cells = [
            label if f.indicator != last else "", " / ".join(p or "–" for p in f.places), count_text(f.numerator),
            count_text(f.denominator), percent(f.numerator, f.denominator), str(f.rank or ""),
        ]  # fmt: skip
        if since:
            cells += [_move((f.numerator, f.denominator), f.earlier), str(f.earlier_rank or "")]
        table.add_row(*cells)
        last = f.indicator
    output.print(table)


def explain(
    figure: Annotated[
        str, typer.Argument(help='Such as "tianshui-2017 pass_rate county=秦州区 subject=数学 as-of 2017-11-30".')
    ],
    known_by: KnownBy = None,
    of: Annotated[
        str, typer.Option(help="Whose events: numerator, denominator, or missing (in the second only).")
    ] = "numerator",
    limit: Annotated[int, typer.Option(min=0, help="Events to print.")] = 10,
    export_events: Annotated[
        Path | None, typer.Option(help="Write all the events to this .csv or .parquet file.")
    ] = None,
    export_enrolments: Annotated[
        Path | None, typer.Option(help="Write the enrolments to this .csv or .parquet file.")
    ] = None,
    language: Language = None,
) -> None:
    """Follow a printed figure down: its definition, counts, SQL and build, and the enrolments and events behind it.

    Exits with 3 where the enrolments do not add up to what was published.
    """
    if of not in ("numerator", "denominator", "missing"):
        raise BadConfiguration(f"--of {of}: expected numerator, denominator or missing")
    workspace = Workspace(Settings.from_environment())
    wanted = parse_figure(figure)
    before = known_before(workspace, wanted.programme_id, known_by)
    lang = language or default_language()
    zh = lang == "zh"
    with open_marts(published(workspace, before), workspace.lake) as con:
        found = trace(con, wanted)
        n, d = found.numerator_count, found.denominator_count
        lines = [
            f"[bold]{escape(found.label_zh if zh else found.label_en)}[/bold]  {escape(figure)}",
            f"{words_of('indicators.trace', lang)['definition']} (v{found.definition_version}): {escape(found.definition_zh if zh else found.definition_en)}",
            f"{count_text(n)} ÷ {count_text(d)} = [bold]{percent(n, d)} %[/bold]",
            f"build {found.build_id}, {found.built_at:%Y-%m-%d %H:%M} UTC"
            + (f", as known by {known_by}" if known_by else ""),
        ]
        for line in lines:
            output.print(line, soft_wrap=True)
        if found.published is None:
            output.print("no published cell has just these places; counted from the enrolments", soft_wrap=True)
        else:
            p = found.published
            output.print(
                f"published: {count_text(p[0])} ÷ {count_text(p[1])}: {'the same' if found.reconciles else 'NOT THE SAME'}"
            )
        output.print("\n[bold]SQL[/bold] (run it with: xueqing sql)")
        output.print(found.sql, markup=False, soft_wrap=True)
        events = events_behind(con, found, of=of, recorded_before=before)
        total, people = counts_of(con)
        output.print(
            f"\n[bold]{count_text(total)} events of {count_text(people)} enrolments[/bold] behind the {of}",
            soft_wrap=True,
        )
        table = _table(
            ("Enrolment", False), ("Event", False), ("Occurred (UTC)", False), ("Log", True), ("Voided", False)
        )
        for row in events.limit(limit).fetchall():
            table.add_row(row[0], row[1], f"{row[2]:%Y-%m-%d %H:%M:%S}", f"{row[5]}:{row[6]}", "yes" if row[7] else "")
        if limit:
            output.print(table)
        print_retired(workspace, wanted.programme_id)
        for relation, file in ((events, export_events), (enrolments_behind(con, found), export_enrolments)):
            if file is not None:
                output.print(f"{count_text(write_relation(relation, file))} rows in {file}", soft_wrap=True)
    if not found.reconciles:
        raise typer.Exit(3)


def restate(
    programme: Annotated[str, typer.Argument(help="Programme id.")],
    known_by: Annotated[str, typer.Option("--known-by", help="What was known then (a local date or an instant) …")],
    and_by: Annotated[
        str | None, typer.Option("--and-by", help="… and what is known by this one; by default now.")
    ] = None,
    as_of: AsOf = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Breakdowns to list; by default programme, county and subject.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Events to print.")] = 20,
) -> None:
    """List the cells that changed between two moments of knowing, and the events that came in between."""
    workspace = Workspace(Settings.from_environment())
    known, until = (known_before(workspace, programme, moment) for moment in (known_by, and_by))
    assert known is not None
    on = parse_date(as_of) or workspace.definitions.in_force(programme).report_on
    files = published(workspace, known), published(workspace, until)
    found = compare(*files, workspace.lake, programme, on, known=known, until=until)
    breakdowns = by or ["programme", "county", "subject"]
    table = _table(
        ("Indicator", False), ("Breakdown", False), ("Cell", False), ("Before", True), ("After", True), ("Change, pp", True),
        title=f"{programme} as of {on}: known by {known_by}, and {and_by or 'now'}",
    )  # fmt: skip
    shown = [c for c in found.cells if c.breakdown in breakdowns]
    for c in shown:
        before, after = (f"{count_text(p[0])} ÷ {count_text(p[1])}" if p else "–" for p in (c.before, c.after))
        moved = _move(c.after, c.before) if c.after else ""
        table.add_row(c.indicator, c.breakdown, " / ".join(c.places), before, after, moved)
    if shown:
        output.print(table)
    output.print(f"{len(found.cells)} cells changed in all breakdowns; {len(shown)} of them are listed")
    if found.definitions_changed:
        output.print("The definitions changed in between: see xueqing programme show.")
    events = {(e[4], e[3], e[1]) for e in found.causes}
    kinds = Counter(event_type for _, event_type, _ in events)
    output.print(
        f"{len(events)} events came in between: " + (", ".join(f"{k} {n}" for k, n in kinds.most_common()) or "none")
    )
    if limit and found.causes:
        because = _table(
            ("Enrolment", False),
            ("Change", False),
            ("Event", False),
            ("Occurred", False),
            ("Recorded", False),
            ("Event id", False),
        )
        told = list({(e[1], e[2], e[3], e[5], e[6], e[4]): None for e in found.causes})
        for enrolment, change, kind, occurred, recorded, event_id in told[:limit]:
            because.add_row(enrolment, change, kind, f"{occurred:%m-%d %H:%M}", f"{recorded:%m-%d %H:%M}", event_id)
        output.print(because)


def scorecard(
    programme: Annotated[str, typer.Argument(help="Programme id.")],
    enrolment: Annotated[str, typer.Argument(help="Enrolment id.")],
    as_of: AsOf = None,
    known_by: KnownBy = None,
    language: Language = None,
    with_names: WithNames = False,
) -> None:
    """Print an enrolment's score: evidence, target and points of each component, and what a pass still needs."""
    workspace = Workspace(Settings.from_environment())
    before = known_before(workspace, programme, known_by)
    lang = language or default_language()
    with open_marts(published(workspace, before)) as con:
        found = read_scorecard(con, programme, enrolment, parse_date(as_of), lang)
    if not found.components:
        raise BadConfiguration(f"{programme} has no enrolment {enrolment!r} by {found.on}")
    who = enrolment
    if naming := naming_of(workspace.settings, "scorecard", with_names=with_names, password_file=None):
        who = _who(
            name_enrolments(workspace, naming, programme, f"score card {enrolment}", [enrolment]), enrolment, lang
        )
    table = _table(
        ("Component", False), ("Has", True), ("Target", True), ("Points", True), ("Of", True), ("To do", True),
        title=f"{who}, {found.on}",
    )  # fmt: skip
    last = None
    for c in found.components:
        if c.stage != last:
            table.add_section()
        last = c.stage
        table.add_row(
            c.label, f"{c.achieved:,.1f}", f"{c.target} {c.unit}", f"{c.points:.2f}" + ("*" if c.is_clipped else ""), _plain(c.max_points),
            f"{c.todo_count:,} {c.unit}" if c.todo_count else "",
        )  # fmt: skip
    output.print(table)
    if any(c.is_clipped for c in found.components):
        output.print("* more points were given than the component has; they are clipped")
    for s in found.stages:
        verdict = "" if s.has_passed is None else ": passed" if s.has_passed else f": {s.missing:.2f} points missing"
        output.print(
            f"{s.stage} {s.points:.2f}"
            + (f" of the {_plain(s.needed)} needed" if s.needed is not None else "")
            + verdict
        )


def excellent(
    programme: Annotated[str, typer.Argument(help="Programme id.")] = "tianshui-2017",
    as_of: AsOf = None,
    most: Annotated[int, typer.Option(min=1, help="How many of each award to print.")] = 10,
    language: Language = None,
    with_names: WithNames = False,
) -> None:
    """Print whom the pack's rules propose for an award, in order, with the reason for each; ties are broken by id."""
    workspace = Workspace(Settings.from_environment())
    lang = language or default_language()
    with open_marts(workspace.warehouse.published) as con:
        found = read_proposals(con, programme, parse_date(as_of), most=most)
    persons = None
    if naming := naming_of(workspace.settings, "excellent", with_names=with_names, password_file=None):
        who = [one.who for one in found]
        persons = name_enrolments(workspace, naming, programme, "proposals for awards", who, who)
    last = ""
    for one in found:
        if one.award != last:
            output.print(f"\n[bold]{one.label_zh if lang == 'zh' else one.label_en}[/bold]")
        last = one.award
        mark = "" if one.is_chosen else words_of("awards", lang)["beyond_quota"]
        output.print(
            f"{one.position:>4}  {_who(persons, one.who, lang)}  {one.reason_zh if lang == 'zh' else one.reason_en}{mark}",
            soft_wrap=True,
        )
