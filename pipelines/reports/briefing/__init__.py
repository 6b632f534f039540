"""Reports between the bulletins: class and subject briefings, county data packs, what tutors and experts did."""
