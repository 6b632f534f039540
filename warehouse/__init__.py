"""Storage for reading: the lake's tables, the private build and the published file. No business rule here."""
