"""What brings events in: files of several kinds, and the simulator."""
