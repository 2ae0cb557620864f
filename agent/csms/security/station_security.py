"""Everything that a back-end may change of this station's security, in one place for the adapters (value)."""

from agent.csms.security.root_store import RootStore
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class StationSecurity:
    """The parts."""

    roots: RootStore
