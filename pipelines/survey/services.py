"""What form services put beside the questions of an export: columns about the sheet, questions with several answers, free text."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from ingest.sources.roster.columns import field_named
from pipelines.survey.answers import seconds_of
from pipelines.survey.form import Multiple, plain
from pipelines.survey.scales import recognise

__all__ = ["Columns", "sorted_out"]

#: Fields of a roster that say who somebody is.
_WHO = frozenset({"name", "id_number", "phone", "mail", "account"})
#: What forms put before the name of a field: "1、您的姓名", "Q1. Your name".
_NUMBERED = re.compile(r"^\W*(?:q?\d+(?:[-_.]\d+)?\s*[、.:)）．：]*\s*)?(?:请|填写|输入|您的|你的|your\b|\s)*", re.I)
#: Numbers of rows, which are no answers.
_NUMBERS = frozenset({"id", "no", "no.", "number", "编号", "序号", "respondent", "record"})
#: From so many rows on, whole numbers that never come twice are numbers of rows.
_ROWS_TOLD_APART = 6
#: A separator joins options only where its parts come again: most of the parts have to.
_SEPARATORS = ("┋", ";", "；", "|", "、", ", ", ",", "\n")
_MOST_OPTIONS = 30
_LONGEST_OPTION = 60
_FLAGS = frozenset({"0", "1", "0.0", "1.0", "true", "false"})
_WORDS_OF_FLAGS = frozenset({"y", "n", "yes", "no", "是", "否"})
#: A column of one option: the question and the option, as services write them.
_OPTION = (
    re.compile(r"^(?P<stem>.+?)\s*\[(?P<option>[^\[\]]+)\]$"),
    re.compile(r"^(?P<stem>.+)/(?P<option>[^/]+)$"),
    re.compile(r"^(?P<stem>.+?)\s*[(（](?P<option>[^()（）]+)[)）]$"),
    re.compile(r"^(?P<stem>.+?)[:：—](?P<option>.+)$"),
    re.compile(r"^(?P<stem>.+)_(?P<option>\d+)$"),
)
_FREE_TEXT = re.compile(
    r"建议|意见|其他|其它|原因|说明|为什么|感想|收获|开放|comment|suggest|feedback|opinion|why|other|describe|explain|_text$",
    re.I,
)
_LONG_TEXT = 15
_SENTENCE = re.compile(r"\S\s+\S|[\u3400-\u9fff]{4}|[\u3400-\u9fff][，。！？、；]")
_ACCOUNT = re.compile(
    r"user|account|e-?mail|phone|(?:\b|_)(?:id|name|key|token)$|微信|账号|帐号|学号|工号|电话|手机|网址|\burl",
    re.IGNORECASE,
)


class _Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    seconds: tuple[str, ...]
    about: tuple[str, ...]
    #: Columns of which one is enough to recognise the service.
    alone: tuple[str, ...] = ()


class _Services(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: tuple[_Service, ...]
    #: Columns that recognise no service.
    generic: frozenset[str]


@cache
def _services() -> _Services:
    written = tomllib.loads(Path(__file__).with_name("services.toml").read_text(encoding="utf-8"))
    return msgspec.convert(written, _Services)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of an export by what they are.

    Attributes:
        service: whose export it is, empty where no service is recognised.
        seconds: the column that says how long somebody took.
        about: about the answer sheet.
        who: saying who answered, by name or number.
        multiple: questions with several answers, by name.
        texts: free text.
        rest: all others, among which the items are.
    """

    service: str
    seconds: str | None
    about: Sequence[str]
    who: Sequence[str]
    multiple: Mapping[str, Multiple]
    texts: Sequence[str]
    rest: Sequence[str]


def sorted_out(columns: Mapping[str, Sequence[str]], labels: Mapping[str, str]) -> Columns:
    """The columns of an export by what they are.

    Args:
        columns: their cells, by name.
        labels: their questions, where they are not their names.
    """
    service = _service_of(columns)
    about = [c for c in columns if service and plain(c) in service.about]
    seconds = next((c for c in columns if service and plain(c) in service.seconds), None)
    if seconds is not None and not any(seconds_of(cell) is not None for cell in columns[seconds]):
        about.append(seconds)
        seconds = None
    rest = [c for c in columns if c not in about and c != seconds]
    multiple: dict[str, Multiple] = {}
    for stem, options in _split(rest, columns, labels).items():
        multiple[stem] = Multiple(columns=options)
        # Beside the columns of its options the question has one with all that were chosen.
        if stem in rest and {part for cell in columns[stem] for part in cell.split()} <= set(options):
            rest = [c for c in rest if c != stem]
    taken = {c for asked in multiple.values() for c in asked.columns.values()}
    rest = [c for c in rest if c not in taken]
    who = [c for c in rest if any(field_named(_NUMBERED.sub("", text)) in _WHO for text in (c, labels.get(c, "")))]
    about += [c for c in rest if c not in who and (plain(c) in _NUMBERS or _is_number_of_row(columns[c]))]
    rest = [c for c in rest if c not in who and c not in about]
    texts = []
    for column in rest:
        question, cells = labels.get(column, column), columns[column]
        if recognise(text for cell in cells if (text := cell.strip())) is not None:
            continue
        separator = _separator(cells)
        if separator is not None:
            multiple[column if question in multiple else question] = Multiple(column=column, separator=separator)
        elif _is_free_text([column, question], cells):
            texts.append(column)
    beside = {asked.column for asked in multiple.values()} | set(texts)
    rest = [c for c in rest if c not in beside]
    return Columns(service.name if service else "", seconds, about, who, multiple, texts, rest)


def _service_of(names: Mapping[str, object]) -> _Service | None:
    """The service with most of the columns; two of its own at least, for many a file has an id."""
    known = _services()
    plainly = {plain(name) for name in names} - known.generic
    own = {s: len(plainly & {*s.about, *s.seconds}) + len(plainly & set(s.alone)) for s in known.service}
    best = max(own, key=lambda s: own[s])
    return best if own[best] > 1 else None


def _split(
    rest: Sequence[str], columns: Mapping[str, Sequence[str]], labels: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Questions whose options are columns of their own: option → column, by the question."""
    found: dict[str, dict[str, str]] = {}
    for n, pattern in enumerate(_OPTION):
        stems: dict[str, list[tuple[str, str]]] = {}
        taken = {c for options in found.values() for c in options.values()}
        for column in rest:
            match = pattern.match(column)
            if match is not None and column not in taken:
                stems.setdefault(match["stem"].strip(), []).append((column, match["option"].strip()))
        for stem, parts in stems.items():
            said = [{plain(cell) for cell in columns[c]} for c, _ in parts]
            flags = _FLAGS | _WORDS_OF_FLAGS if n < 2 else _FLAGS
            if len(parts) < 2 or stem in found:
                continue
            if all(values <= flags | {""} for values in said) and any(len(values) > 1 for values in said):
                # A code for an option says less than the question's text, which Qualtrics writes as "question - option".
                found[stem] = {labels.get(c, "").rpartition(" - ")[2] or option: c for c, option in parts}
            elif all(len(values - {""}) == 1 and "" in values for values in said) and len(set().union(*said)) > len(
                parts
            ):
                # Each column has the text of its option, or nothing.
                found[stem] = {next(cell.strip() for cell in columns[c] if cell.strip()): c for c, _ in parts}
    return found


def _separator(cells: Sequence[str]) -> str | None:
    """What joins the options of a column's cells; None where it takes one answer."""
    said = [cell for cell in cells if cell.strip()]
    if len(said) < 2:
        return None
    for separator in _SEPARATORS:
        joined = [cell for cell in said if separator in cell.strip().rstrip(separator)]
        if not joined or (separator != "┋" and len(joined) < 2):
            continue
        rows = [[p for part in cell.split(separator) if (p := part.strip())] for cell in said]
        counts = Counter(part for row in rows for part in row)
        again = sum(count for count in counts.values() if count > 1)
        if (
            len(counts) <= _MOST_OPTIONS
            and max(map(len, counts)) <= _LONGEST_OPTION
            and all(len(row) == len(set(row)) for row in rows)
            and (separator == "┋" or 10 * again >= 9 * counts.total())
        ):
            return separator
    return None


def _is_free_text(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether cells are sentences; a column of names, schools or accounts is none, for free text is quoted."""
    said = [text for cell in cells if (text := cell.strip())]
    if not said or any(_ACCOUNT.search(name) or field_named(_NUMBERED.sub("", name)) for name in names):
        return False
    different = set(said)
    if 2 * len(different) <= len(said) or 2 * sum(_SENTENCE.search(text) is not None for text in said) < len(said):
        return False
    if any(_FREE_TEXT.search(name) for name in names) and len(different) > 2:
        return True
    mean = sum(map(len, said)) / len(said)
    return len(said) > 2 and mean > (_LONG_TEXT if len(different) <= 11 else _LONG_TEXT / 2)


def _is_number_of_row(cells: Sequence[str]) -> bool:
    return (
        len(cells) >= _ROWS_TOLD_APART
        and len(set(cells)) == len(cells)
        and all(cell.strip().isdigit() for cell in cells)
    )
