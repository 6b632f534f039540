"""The write side: from the outside world, through the log, to the lake."""
