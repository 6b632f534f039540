"""The catalogue of texts: both languages, the same placeholders, no key unused and none missing, no text beside it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import pipelines
from ingest.programmes import vocabulary
from ingest.sources.roster import Change, Why
from ingest.sources.totals import Finding, Reason
from pipelines.survey.method import Method
from pipelines.words import LANGUAGES, Label, label_of, labels_of, words_of

ROOT = Path(pipelines.__file__).parent
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
#: Modules that know Chinese as what people hand in, or as data, and not as what they read.
READERS = {
    "audit/printed.py", "cli.py", "audit/read.py", "collect/rosters/importing.py", "reading/asked_figure.py", "reading/groups.py",
    "reports/document/blocks.py", "spreadsheets.py", "survey/answers.py", "survey/drafting.py", "survey/scales.py",
    "survey/services.py",
}  # fmt: skip
#: The project's own name in both languages, and an example of a place.
NAMES = {" · 学情 Xueqing", 'Such as "tianshui-2017 pass_rate county=秦州区 subject=数学 as-of 2017-11-30".'}
#: The names that variables with texts of the catalogue have.
HOLDERS = {"w", "v", "bw"}


@cache
def texts() -> dict[tuple[str, str], Mapping[str, Any]]:
    """By section and key, what stands in the file."""
    found = {}

    def read(section: str, table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            if any(not isinstance(inner, dict) for inner in value.values()):
                found[section, key] = value
            else:
                read(f"{section}.{key}".lstrip("."), value)

    read("", tomllib.loads((ROOT / "texts.toml").read_text(encoding="utf-8")))
    return found


@cache
def modules() -> Mapping[str, Module]:
    return {str(file.relative_to(ROOT)): Module.of(file) for file in sorted(ROOT.rglob("*.py"))}


@cache
def templates() -> str:
    return "\n".join(
        file.read_text(encoding="utf-8") for file in sorted(ROOT.rglob("*.j2")) + sorted(ROOT.rglob("*.js"))
    )


@dataclass(frozen=True)
class Module:
    """What a module says: its strings without docstrings, the keys that it makes as ``reached_{…}``, and whom it imports."""

    tree: ast.Module
    strings: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    imports: frozenset[str]

    @classmethod
    def of(cls, file: Path) -> Module:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        docs = {
            id(node.body[0].value)
            for node in nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        strings = {
            n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs
        }
        made = [
            "".join(re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in n.slice.values)  # type: ignore[arg-type]
            for n in nodes
            if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.JoinedStr)
        ]
        imported = {
            f"{n.module.removeprefix('pipelines.').replace('.', '/')}.py"
            for n in nodes
            if isinstance(n, ast.ImportFrom) and n.module is not None and n.module.startswith("pipelines.")
        }
        return cls(tree, frozenset(strings), tuple(map(re.compile, made)), frozenset(imported))

    @property
    def sections(self) -> set[str]:
        """The sections of the catalogue that it names."""
        return by_section().keys() & self.strings


def askers(section: str) -> list[Module]:
    """The modules that name a section, and those that import from them, as a composer's heirs do."""
    own = {name for name, one in modules().items() if section in one.strings}
    return [one for name, one in modules().items() if name in own or one.imports & own]


def sections_within_reach(name: str) -> set[str]:
    """The sections that a module names, or one that it imports from, directly or not."""
    seen, waiting = set(), [name]
    while waiting:
        if (one := waiting.pop()) not in seen and one in modules():
            seen.add(one)
            waiting += modules()[one].imports
    return set().union(*(modules()[one].sections for one in seen))


#: Sections whose keys are data, and all that the data can be.
DATA: Mapping[str, set[str]] = {
    "awards.measures": {name for names in vocabulary.award_measures().values() for name in names},
    "roster.changes": set(Change),
    "roster.reasons": set(Why),
    "totals.findings": set(Finding),
    "totals.reasons": set(Reason),
    "survey.interval_methods": set(Method),
}

#: Files that name keys which other sections' texts are asked by: columns, measures, rules.
NAMED_IN: Mapping[str, tuple[str, ...]] = {
    "audit.rules": ("pipelines/audit/rules.py", "pipelines/audit/claims.py"),
    "briefing": ("ingest/events/support.py",),
    "bulletin.levels": ("ingest/programmes/rows.py",),
    "evaluation": ("ingest/programmes/template.py", "dbt_project/dbt_project.yml"),
    "evaluation.figures": ("pipelines/reading/programme_figures.py",),
    "people.own_copy": (
        "pipelines/reading/people.py",
        "ingest/sources/roster/recognising.py",
        "ingest/sources/simulate/names.py",
    ),
}


def test_every_text_has_both_languages_with_the_same_placeholders() -> None:
    for name, text in texts().items():
        assert text.keys() == set(LANGUAGES), name
        assert all(isinstance(part, str) and part.strip() for part in text.values()), name
        placeholders = [
            sorted(
                (field, spec, conversion) for _, field, spec, conversion in Formatter().parse(part) if field is not None
            )
            for part in text.values()
        ]
        assert placeholders[0] == placeholders[1], name
        assert all(field for field, _, _ in placeholders[0]), f"{name}: a placeholder without a name"


def test_no_text_is_unused() -> None:
    unused = []
    for section, keys in by_section().items():
        asking = askers(section)
        assert asking, f"no module asks for {section}"
        if section in DATA:
            assert keys == DATA[section], section
            continue
        said = {text for one in asking for text in one.strings}
        for file in NAMED_IN.get(section, ()):
            said |= set(re.findall(r"\w+", (ROOT.parent / file).read_text(encoding="utf-8")))
        made = [pattern for one in asking for pattern in one.patterns]
        pages = templates()
        unused += [
            (section, key)
            for key in keys - said
            if not any(pattern.fullmatch(key) for pattern in made)
            and not re.search(rf"\b(?:w|words)(?:\.{key}\b|\['{key}'\])", pages)
        ]
    assert unused == []


@cache
def by_section() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for section, key in texts():
        found.setdefault(section, set()).add(key)
    return found


def test_no_text_is_missing() -> None:
    known = by_section()
    for name, module in modules().items():
        keys = set().union(*(known[section] for section in sections_within_reach(name)))
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.slice, ast.Constant)
                and isinstance(node.slice.value, str)
            ):
                holder = node.value
                called = (
                    holder.attr
                    if isinstance(holder, ast.Attribute)
                    else holder.id
                    if isinstance(holder, ast.Name)
                    else ""
                )
                if called in HOLDERS:
                    assert node.slice.value in keys, f"{name}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "label_of":
                section, key = (a.value if isinstance(a, ast.Constant) else None for a in node.args[:2])
                assert section is None or section in known, f"{name}:{node.lineno}"
                assert key is None or section is None or key in known[section], f"{name}:{node.lineno}"
    pages = {file.name: file.read_text(encoding="utf-8") for file in ROOT.rglob("*.j2")}
    for page, section in (("status.html.j2", "status"), ("site.html.j2", "site"), ("live.html.j2", "live")):
        told = set(re.findall(r"\bw\.([a-z_]+)", pages[page])) | set(re.findall(r"\bw\['([a-z_]+)'\]", pages[page]))
        assert told <= known[section], page


def test_no_text_stands_beside_the_catalogue() -> None:
    beside = [
        f"{name}: {text}"
        for name, one in modules().items()
        if name not in READERS
        for text in sorted(one.strings)
        if CHINESE.search(text) and text not in NAMES
    ]
    beside += [
        f"{file.name}: {text}"
        for file in ROOT.rglob("*.j2")
        for text in CHINESE.findall(file.read_text(encoding="utf-8"))
    ]
    assert beside == []


def test_a_text_is_filled_in_by_language() -> None:
    near = Label("近", "near")
    text = label_of("audit.arithmetic", "no_share", total=1234, share="5%", near=near)
    assert text == Label("1,234中没有整数得5%：近", "no whole number of 1,234 gives 5%: near")
    assert labels_of("audit.slips")["one"].of("zh") == words_of("audit.slips", "zh")["one"]
    with pytest.raises(KeyError):
        words_of("audit", "fr")
    with pytest.raises(KeyError):
        words_of("nothing", "zh")
