"""Tables as offices keep them: workbooks and text files, with titles above their columns."""

from ingest.sources.tables.header import Header, find_header
from ingest.sources.tables.reading import Area, Cell, Sheet, read_sheets, text_form

__all__ = ["Area", "Cell", "Header", "Sheet", "find_header", "read_sheets", "text_form"]
