"""The simulator: a programme whose people are invented and whose totals are the published ones."""

from ingest.sources.simulate.programme import Simulation, simulate

__all__ = ["Simulation", "simulate"]
