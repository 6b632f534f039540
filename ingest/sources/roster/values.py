"""Cells of a roster as values: names, numbers of people, dates. Digits that are lost are told, never guessed."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta
from enum import StrEnum

from ingest.sources.tables import Cell, has_lost_digits

__all__ = ["Why", "date_of", "gender_of", "id_number_of", "name_of", "phone_of", "text_of"]


class Why(StrEnum):
    """Why a row, or a cell of it, was not taken."""

    NO_NAME = "no_name"
    NOT_A_NAME = "not_a_name"
    NO_IDENTITY = "no_identity"
    LOST_DIGITS = "lost_digits"
    WRONG_ID_NUMBER = "wrong_id_number"
    NO_COUNTY = "no_county"
    UNKNOWN_COUNTY = "unknown_county"
    UNKNOWN_SUBJECT = "unknown_subject"
    UNKNOWN_STAGE = "unknown_stage"
    TOO_LONG = "too_long"
    WRONG_DATE = "wrong_date"
    FUTURE_DATE = "future_date"
    TWICE = "twice"
    TWICE_ELSEWHERE = "twice_elsewhere"
    SEVERAL_PERSONS = "several_persons"
    ANOTHER_PERSON = "another_person"
    SEVERAL_ENROLMENTS = "several_enrolments"
    KNOWN_LATER = "known_later"
    # Notes: the row is taken without the cell.
    WRONG_PHONE = "wrong_phone"
    LOST_PHONE = "lost_phone"
    SHARED_PHONE = "shared_phone"

    @property
    def is_note(self) -> bool:
        """Whether the row is taken all the same."""
        return self in (Why.WRONG_PHONE, Why.LOST_PHONE, Why.SHARED_PHONE)


_UNSEEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = re.compile(r"\s+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_BETWEEN = re.compile(r"[\s\-'`\u2019.]+")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0\d{9,11}|[1-9]\d{6,7}")
_COUNTRY = re.compile(r"^(?:\+86|0086|86(?=1[3-9]\d{9}$))")
_OTHER_DOCUMENT = re.compile(r"(?=.*[A-Z])[A-Z0-9]{6,20}")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T].*)?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
#: Days that a number in a cell of dates may mean: 1954 to 2091.
_SERIAL = range(20_000, 70_000)
_SERIAL_BEGIN = date(1899, 12, 30)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_GENDERS = {"男": "M", "男性": "M", "m": "M", "male": "M", "女": "F", "女性": "F", "f": "F", "female": "F"}


def text_of(cell: Cell) -> str:
    """A cell as a text of one line: full-width signs as usual ones, no sign that cannot be seen, a whole number without its fraction."""
    if isinstance(cell, str):
        # What nine of ten cells are, in a third of the time.
        if not cell or (cell.isascii() and cell.isprintable() and " " not in cell):
            return cell
        if cell.isalnum() and unicodedata.is_normalized("NFKC", cell):
            return cell
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return _SPACES.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFKC", str(cell)))).strip()


def name_of(cell: Cell) -> tuple[str, Why | None]:
    """A person's name; a Chinese one without the spaces that make it as wide as others."""
    text = text_of(cell)
    if _CHINESE.search(text):
        text = text.replace(" ", "")
    if not text:
        return "", Why.NO_NAME
    if isinstance(cell, (float, int)) or len(text) > 100 or sum(map(str.isdigit, text)) > len(text) // 2:
        return "", Why.NOT_A_NAME
    return text, None


def id_number_of(cell: Cell) -> tuple[str, Why | None]:
    """A Chinese id number of 18 places (GB 11643; an older one of 15 becomes that of 18), or the number of another document."""
    if has_lost_digits(cell):
        return "", Why.LOST_DIGITS
    text = _BETWEEN.sub("", text_of(cell)).upper()
    if not text:
        return "", None
    if len(text) == 15 and text.isascii() and text.isdigit():
        text = f"{text[:6]}19{text[6:]}"
        text += _check_digit(text)
    elif len(text) == 18 and text.endswith("000"):
        # A text that was a number before. One in some thousand numbers ends so, and one in eleven of the others fits its check digit.
        return "", Why.LOST_DIGITS
    if len(text) == 18 and text.isascii() and text[:17].isdigit():
        is_right = text[17] == _check_digit(text) and _is_day(text[6:14])
        return (text, None) if is_right else ("", Why.WRONG_ID_NUMBER)
    return (text, None) if _OTHER_DOCUMENT.fullmatch(text) else ("", Why.WRONG_ID_NUMBER)


def _check_digit(text: str) -> str:
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False)) % 11]


def _is_day(text: str) -> bool:
    return _day(text[:4], text[4:6], text[6:]) is not None


def phone_of(cell: Cell) -> tuple[str, bool, Why | None]:
    """A phone number, and whether it is a mobile one, which is one person's; of several the first mobile one."""
    if has_lost_digits(cell):
        return "", False, Why.LOST_PHONE
    landline = ""
    for part in re.split(r"[/、,;，；或]", text_of(cell)):
        number = _COUNTRY.sub("", re.sub(r"[\s\-.()'`\u2019]+", "", part))
        if _MOBILE.fullmatch(number):
            return number, True, None
        if _LANDLINE.fullmatch(number):
            landline = landline or number
    wrong = Why.WRONG_PHONE if not landline and text_of(cell) else None
    return landline, False, wrong


def date_of(cell: Cell) -> tuple[date | None, Why | None]:
    """A date: a date of a workbook, its number, or a text such as 2017-10-20, 2017年10月20日 and 20171020."""
    if isinstance(cell, datetime):
        return cell.date(), None
    if isinstance(cell, date):
        return cell, None
    text = text_of(cell)
    if not text:
        return None, None
    if len(text) == 5 and text.isascii() and text.isdigit() and int(text) in _SERIAL:
        return _SERIAL_BEGIN + timedelta(days=int(text)), None
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    found = _day(*match.groups()) if match else None
    return found, None if found else Why.WRONG_DATE


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def gender_of(cell: Cell) -> str | None:
    """``M`` or ``F``; None of everything else."""
    return _GENDERS.get(text_of(cell).casefold())
