"""Programme packs: everything that is particular to one programme, as data. One folder a pack."""
