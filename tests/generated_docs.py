"""Writes the generated docs (``make docs``) or checks that they are current (``--check``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from msgspec import inspect

from ingest.events import EventSpec, catalogue
from ingest.events.envelope import Envelope
from ingest.events.validation import EARLIEST, FUTURE_TOLERANCE, MAX_RECORD_BYTES, Reason

DOCS = Path(__file__).parents[1] / "docs"


def _describe(kind: inspect.Type, unit: str = "", name: str = "text") -> str:
    if isinstance(kind, inspect.Metadata):
        name = (kind.extra_json_schema or {}).get("description", name)
        return _describe(kind.type, (kind.extra or {}).get("unit", unit), name)
    if isinstance(kind, inspect.UnionType):
        inner = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
        return _describe(inner[0], unit, name)
    tail = f", {unit}" if unit else ""
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(f"`{v}`" for v in sorted(map(str, kind.values)))
    if isinstance(kind, inspect.IntType):
        return f"whole number {kind.ge}…{kind.le}{tail}"
    if isinstance(kind, inspect.FloatType):
        return f"number {kind.ge:g}…{kind.le:g}{tail}"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.ListType):
        return f"list of {_describe(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return "object" if isinstance(kind.value_type, inspect.AnyType) else f"object of {_describe(kind.value_type)}"
    if isinstance(kind, inspect.StrType):
        if kind.min_length == kind.max_length:
            return name
        return f"{name}, {kind.min_length or 0}…{kind.max_length} characters"
    return "any JSON"


def _fields(struct: Any) -> str:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    lines = ["| field | required | value |", "|---|---|---|"]
    lines += [f"| `{f.encode_name}` | {'yes' if f.required else ''} | {_describe(f.type)} |" for f in info.fields]
    return "\n".join(lines)


def events_page() -> str:
    families: dict[str, list[EventSpec]] = {}
    for spec in catalogue().values():
        families.setdefault(spec.family, []).append(spec)
    parts = [
        "# Events\n\nGenerated from the catalogue by `make docs`; `make check` fails where it is stale.\n",
        "One JSON object a record. Fields that are not listed are kept and ignored. Times are RFC 3339 with the offset"
        " required (`2017-10-12T08:30:00Z`, `2017-10-12T16:30:00+08:00`); a naive time is refused. An event may not lie more than"
        f" {FUTURE_TOLERANCE.days} day after the log recorded it, nor before {EARLIEST:%Y-%m-%d}. A record holds at most {MAX_RECORD_BYTES:,} bytes.\n",
        f"## Envelope\n\n{_fields(Envelope)}\n",
        "`learner_key` and `staff_key` are random keys; names and accounts are in the vault only. Which of them an event"
        " takes stands with it.\n",
    ]
    for family, specs in families.items():
        parts.append(f"## {family.capitalize()}\n")
        for spec in specs:
            parts.append(
                f"### `{spec.event_type}` version {spec.event_version}\n\n{spec.summary} Actor: {spec.actor.value}.\n\n{_fields(spec.payload)}\n"
            )
    parts.append("## Why a record is quarantined\n\n" + "\n".join(f"- `{reason}`" for reason in Reason) + "\n")
    return "\n".join(parts)


PAGES = {"events.md": events_page}


def main() -> int:
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"stale: {', '.join(stale)}; run: make docs")
        return 1
    print("generated docs are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
