"""What an EVSE remembers over a restart beside its transaction: values only."""

from hal.api import Fault
from hal.value import dataclass

_BY_NAME = {fault.value: fault for fault in Fault}


@dataclass(frozen=True, slots=True)
class EvseMemory:
    """Faults that the back-end was told and not told to be gone, and the wear of the contactor."""

    fault_names: tuple[str, ...] = ()
    closings: int = 0
    openings_under_load: int = 0

    @property
    def faults(self) -> frozenset[Fault]:
        """The faults among them that this firmware knows: it may be an older one."""
        return frozenset(_BY_NAME[name] for name in self.fault_names if name in _BY_NAME)
