"""Operative or not, for the station and each EVSE. An EVSE serves only if both are operative.

Source: OCPP 2.0.1 G03 (EVSE), G04 (station); OCPP 1.6 section 5.2 (connector 0 means all).
"""

from collections.abc import Iterable, Mapping

STATION = 0


class Availability:
    """What was set, by EVSE id; 0 is the station."""

    def __init__(self, evse_ids: Iterable[int], stored: Mapping[int, bool]) -> None:
        self._operative = {evse_id: stored.get(evse_id, True) for evse_id in (STATION, *evse_ids)}
        self.held = False
        """Nothing may serve for the moment, for an update of the firmware; what was set is not touched by that."""

    def operative(self, evse_id: int) -> bool:
        """Tell whether this EVSE may serve."""
        return not self.held and self.ordered_operative(evse_id)

    def ordered_operative(self, evse_id: int) -> bool:
        """Tell whether this EVSE may serve by what was set."""
        return self._operative[STATION] and self._operative[evse_id]

    def change(self, evse_id: int | None, *, operative: bool) -> list[int]:
        """Set one EVSE, or (None) the station and all; returns the ids to be stored."""
        changed = [evse_id] if evse_id is not None else list(self._operative)
        for changed_id in changed:
            self._operative[changed_id] = operative
        return changed
