"""Which variables this station has: only those of functions that are built."""

from agent.domain.variables.station import EvseDescription, StationDescription, station_definitions

__all__ = ["EvseDescription", "StationDescription", "station_definitions"]
