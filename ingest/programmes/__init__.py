"""Programme packs: typed rows, the vocabulary, packs through time; the only source of a programme's definitions."""
