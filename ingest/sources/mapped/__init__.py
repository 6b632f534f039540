"""Any platform's log that is a table, one deed a row: a map says what its columns are."""

from ingest.sources.mapped.map import LogMap, read_map
from ingest.sources.mapped.reading import read_mapped

__all__ = ["LogMap", "read_map", "read_mapped"]
