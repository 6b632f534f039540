"""Writes the generated docs (``make docs``) or checks that they are current (``--check``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from msgspec import inspect

from ingest.events import Actor, EventSpec, catalogue, latest_version
from ingest.events.envelope import Envelope
from ingest.events.json_text import MOST_NESTED
from ingest.events.profile import ENROLMENT, PAYLOAD, PROFILE, ROLE, SOURCE, VERB, spec_of
from ingest.events.validation import EARLIEST, FUTURE_TOLERANCE, MAX_RECORD_BYTES, Reason

VERSION = f"{PROFILE}:v1"
#: What each reason of the quarantine means.
WHY = {
    Reason.EMPTY_RECORD: "no bytes",
    Reason.RECORD_TOO_LARGE: "more bytes than a record may have",
    Reason.NOT_UTF8: "not text in UTF-8",
    Reason.NOT_JSON: "not JSON by the letter: a comma too many, NaN, a number that no double holds, half a character",
    Reason.REPEATED_NAME: "a name comes twice in an object, at the top or within, so that readers could take it for two things",
    Reason.TOO_DEEP: "objects and lists nested more deeply than is read",
    Reason.NOT_AN_OBJECT: "JSON, and no object",
    Reason.UNKNOWN_EVENT_TYPE: "not in the catalogue",
    Reason.UNKNOWN_EVENT_VERSION: "a version that was never released",
    Reason.MISSING_FIELD: "a field that is required is not there",
    Reason.WRONG_TYPE: "a value of another type",
    Reason.OUT_OF_BOUNDS: "too large, too small, too long or too short",
    Reason.BAD_FORMAT: "a text in another form",
    Reason.NAIVE_TIME: "a time without its offset",
    Reason.TIME_IN_FUTURE: "later than the log recorded it",
    Reason.WRONG_ACTOR: "of a learner, of staff or of nobody, where it should be of another",
    Reason.PERSONAL_KEY: "the key of a person says who the person is",
    Reason.BAD_PACK: "a programme's definitions that cannot define it",
    Reason.BAD_RECORDING_TIME: "the log says that it recorded it when it cannot have",
    Reason.UNREADABLE: "reading it failed; please tell us",
}
#: Well-known verbs that say the same less exactly.
BROADER = {
    "session.started": "https://w3id.org/xapi/adl/verbs/logged-in",
    "video.watched": "http://activitystrea.ms/schema/1.0/watch",
    "text.read": "http://activitystrea.ms/schema/1.0/read",
    "content.accessed": "http://activitystrea.ms/schema/1.0/access",
    "assignment.submitted": "http://activitystrea.ms/schema/1.0/submit",
    "assignment.graded": "http://adlnet.gov/expapi/verbs/scored",
    "resource.shared": "http://adlnet.gov/expapi/verbs/shared",
    "survey.answered": "http://adlnet.gov/expapi/verbs/responded",
    "event.voided": "http://adlnet.gov/expapi/verbs/voided",
}
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
        "One JSON object a record, in UTF-8, each name once in its object, nested at most"
        f" {MOST_NESTED} deep. Fields that are not listed stay in the log, sealed, and are read by nobody, whatever they are called; so does free text. Times are RFC 3339 with the offset"
        " required (`2017-10-12T08:30:00Z`, `2017-10-12T16:30:00+08:00`); a naive time is refused. An event may not lie more than"
        f" {FUTURE_TOLERANCE.days} day after the log recorded it, nor before {EARLIEST:%Y-%m-%d}. A record holds at most {MAX_RECORD_BYTES:,} bytes.\n",
        f"## Envelope\n\n{_fields(Envelope)}\n",
        "`learner_key` and `staff_key` are random keys; names and accounts are in the vault only. What looks like a phone or id number,"
        " or like a name, is refused. Which of them an event takes stands with it. An event that names an enrolment does not count unless"
        " that enrolment was opened for its learner: it is set aside, and `xueqing status` tells how many are.\n",
    ]
    for family, specs in families.items():
        parts.append(f"## {family.capitalize()}\n")
        for spec in specs:
            parts.append(
                f"### `{spec.event_type}` version {spec.event_version}\n\n{spec.summary} Actor: {spec.actor.value}.\n\n{_fields(spec.payload)}\n"
            )
    parts.append(
        "## Why a record is quarantined\n\n" + "\n".join(f"- `{reason}`: {WHY[reason]}" for reason in Reason) + "\n"
    )
    return "\n".join(parts)


def xapi_profile() -> str:
    """The xAPI Profile (adlnet/xapi-profiles 1.0) of all events that a statement may say."""
    specs = [
        spec
        for (name, version), spec in catalogue().items()
        if version == latest_version(name) and spec_of(f"{VERB}{name}")
    ]
    scheme = {"inScheme": VERSION}
    concepts: list[dict[str, Any]] = [
        {
            "id": f"{VERB}{spec.event_type}", "type": "Verb", **scheme,
            "prefLabel": {"en": spec.event_type}, "definition": {"en": spec.summary},
            **({"broadMatch": [BROADER[spec.event_type]]} if spec.event_type in BROADER else {}),
        }
        for spec in specs
    ]  # fmt: skip
    concepts += [
        {
            "id": f"{PROFILE}:activity-type:{family}", "type": "ActivityType", **scheme, "prefLabel": {"en": family},
            "definition": {"en": f"What an event of the family {family} is about."},
        }
        for family in dict.fromkeys(spec.family for spec in specs)
    ]  # fmt: skip
    concepts += [
        {
            "id": iri, "type": "ContextExtension", **scheme, "prefLabel": {"en": name}, "definition": {"en": what},
            "inlineSchema": json.dumps(schema),
        }
        for iri, name, what, schema in (
            (PAYLOAD, "payload", "The event's payload, as docs/events.md has it.", {"type": "object"}),
            (ROLE, "role", "Whose deed it is, where both may do it.", {"enum": ["learner", "staff"]}),
            (SOURCE, "source", "What brought the event in.", {"type": "string"}),
            (ENROLMENT, "enrolment", "The enrolment that a statement of another profile belongs to.", {"type": "string"}),
        )
    ]  # fmt: skip
    templates = [
        {
            "id": f"{PROFILE}:template:{spec.event_type}", "type": "StatementTemplate", **scheme,
            "prefLabel": {"en": spec.event_type},
            "definition": {"en": f"{spec.summary} Actor: {'whoever' if spec.actor is Actor.NONE else spec.actor.value}."},
            "verb": f"{VERB}{spec.event_type}", "objectActivityType": f"{PROFILE}:activity-type:{spec.family}",
            "rules": _rules(spec),
        }
        for spec in specs
    ]  # fmt: skip
    profile = {
        "@context": "https://w3id.org/xapi/profiles/context", "id": PROFILE, "type": "Profile",
        "conformsTo": "https://w3id.org/xapi/profiles#1.0", "prefLabel": {"en": "Xueqing learner events", "zh": "学情学习事件"},
        "definition": {"en": "Every event of Xueqing's catalogue as an xAPI statement.", "zh": "学情事件目录中的每种事件，表示为 xAPI 语句。"},
        "author": {"type": "Organization", "name": "Xueqing"},
        "versions": [{"id": VERSION, "generatedAtTime": "2026-11-25T00:00:00Z"}],
        "concepts": concepts, "templates": templates,
    }  # fmt: skip
    return json.dumps(profile, ensure_ascii=False, indent=2) + "\n"


def _rules(spec: EventSpec) -> list[dict[str, Any]]:
    info = inspect.type_info(spec.payload)
    assert isinstance(info, inspect.StructType)
    place = f"$.context.extensions['{PAYLOAD}']"
    rules: list[dict[str, Any]] = [{"location": place, "presence": "included"}]
    for field in info.fields:
        rule: dict[str, Any] = {"location": f"{place}.{field.encode_name}", "scopeNote": {"en": _describe(field.type)}}
        rule["presence"] = "included" if field.required else "recommended"
        rules.append(rule)
    if spec.actor is Actor.EITHER:
        rules.append(
            {"location": f"$.context.extensions['{ROLE}']", "presence": "recommended", "all": ["learner", "staff"]}
        )
    return rules


PAGES = {"events.md": events_page, "xapi-profile/xueqing.jsonld": xapi_profile}


def main() -> int:
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
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
