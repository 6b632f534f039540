"""Tables as offices keep them: workbooks and text files, with titles above their columns."""

from ingest.sources.tables.header import Header, find_header, header_by_shape
from ingest.sources.tables.reading import Area, Cell, Sheet, has_lost_digits, read_sheets, text_form

__all__ = [
    "Area", "Cell", "Header", "Sheet", "find_header", "has_lost_digits", "header_by_shape", "read_sheets", "text_form",
]  # fmt: skip
