"""The definitions in force: the only source of everything that is particular to a programme."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import pyarrow as pa

from ingest.programmes.history import Definition, LeftOut, Loading, always, history_of
from ingest.programmes.pack import Pack
from ingest.programmes.reference import RULES, reference_tables
from warehouse.errors import BadConfiguration

__all__ = ["Definitions"]

#: Reads the packs on the disk; it is told which programmes the log has definitions of.
ReadPacks = Callable[[Collection[str]], Mapping[str, Pack]]


class Definitions:
    """Each programme's definitions: from the log, and from the disk for what was never loaded.

    Never loaded is a programme of which the log has no pack that can be read. Of one that it has, the disk gives the files that a report
    prints and the log lacks, and those that never go into the log (the figures of a simulation).

    A question with a date is answered by the pack in force on that day (:meth:`in_force`); one with an instant, by the packs that had been
    loaded by then (:meth:`known_before`).

    Args:
        loadings: every ``programme.loaded`` of the log (:func:`ingest.programmes.history.read_loadings`).
        read_packs: reads the packs on the disk; it is asked once.
        recorded_before: leave out what was loaded from this instant on; of a programme that was not loaded by then the first one applies.

    Raises:
        BadConfiguration: a pack on the disk has errors, and the log has none of its programme.
    """

    def __init__(
        self, loadings: Sequence[Loading], read_packs: ReadPacks, recorded_before: datetime | None = None
    ) -> None:
        history, left_out = history_of(loadings, recorded_before)
        packs = read_packs(history.keys())
        #: The packs on the disk, loaded or not.
        self.on_disk: Mapping[str, Pack] = packs
        #: The programmes that the log has definitions of.
        self.loaded: frozenset[str] = frozenset(history)
        #: Loadings that cannot be read.
        self.left_out: Sequence[LeftOut] = left_out
        self._loadings = loadings
        self._history = {name: always(pack) for name, pack in packs.items()} | history

    def known_before(self, moment: datetime) -> Definitions:
        """The definitions as they were known before an instant. The packs on the disk have no past: they are as they are now."""
        return Definitions(self._loadings, lambda loaded: self.on_disk, moment)

    @property
    def programmes(self) -> list[str]:
        """The programmes that there are definitions of."""
        return list(self._history)

    def history(self, programme_id: str) -> Sequence[Definition]:
        """A programme's packs and the days to which they apply; one that was never loaded applies to all.

        Raises:
            BadConfiguration: there is no such programme.
        """
        try:
            return self._history[programme_id]
        except KeyError:
            known = ", ".join(sorted(self._history))
            raise BadConfiguration(f"there is no programme {programme_id!r}; there are: {known}") from None

    def in_force(self, programme_id: str, on: date | None = None) -> Pack:
        """The pack in force on a local date; by default the newest.

        Rules are dated: the tables of ``RULES``, the grade and the results that pass, and whether a unit's own word decides. Everything else (zone, dates, labels, places, courses,
        calendar, forms) belongs to the programme and not to a day: it is that of the newest pack, as in the warehouse.

        Raises:
            BadConfiguration: there is no such programme.
        """
        history = self.history(programme_id)
        newest = history[-1].pack
        dated = newest if on is None else next(d.pack for d in history if d.applies_on(on))
        found = _with_files(newest, self.on_disk.get(programme_id))
        if dated is newest:
            return found
        return replace(
            found, assignment_pass_grade=dated.assignment_pass_grade, unit_mastery=dated.unit_mastery,
            passing_results=dated.passing_results,
            tables={**newest.tables, **{name: dated.tables[name] for name in RULES}},
        )  # fmt: skip

    def time_zone(self, programme_id: str) -> str:
        """The programme's time zone; UTC for one that has events and no definitions."""
        return self.in_force(programme_id).timezone if programme_id in self._history else "UTC"

    def reference_tables(self) -> dict[str, pa.Table]:
        """The tables that the warehouse gets."""
        return reference_tables({}, self._history)

    def changed_on_disk(self) -> list[Pack]:
        """The packs on the disk that differ from the one loaded last: they change nothing until they are loaded."""
        found = []
        for name in sorted(self.loaded & self.on_disk.keys()):
            pack, loaded = self.on_disk[name], self._history[name][-1].pack
            # A file that reports print and that the log does not have is read from the disk anyway.
            printed = {file: text for file, text in pack.texts.items() if file in loaded.texts}
            if pack.definition != loaded.definition or printed != loaded.texts:
                found.append(pack)
        return found


def _with_files(pack: Pack, on_disk: Pack | None) -> Pack:
    """The pack with the files that only the disk has."""
    if on_disk is None or on_disk is pack:
        return pack
    only = {n: content for n, content in on_disk.files.items() if n not in pack.files and n not in on_disk.definition}
    return replace(pack, files={**pack.files, **only}) if only else pack
