"""Learning-status bulletins: numbered, by the pack's calendar, sealed when issued."""
