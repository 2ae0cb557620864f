"""How the link behaves in time; read anew at every use, so that a change by the back-end takes effect."""

from dataclasses import field

from agent.csms.back_off import BackOffRange
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """Seconds, and one choice."""

    call_timeout_s: float = 35.0
    """Above 30: back-ends that lock a station answer only after 30 s (facts: ocpp_libraries)."""
    liveness_s: float = 60.0
    """Something was asked this long ago and nothing at all has been answered since: the link is dead."""
    stable_s: float = 60.0
    """A connection that lasted this long resets the back-off."""
    settle_s: float = 5.0
    """After a reconnect, how long statuses other than faults wait for the link to prove that it stays."""
    minimum_status_s: float = 0.0
    """A status that lasts for less is not told, unless it is about a fault (OCPP 1.6 section 9.1.20)."""
    offline_threshold_s: float | None = None
    """Offline for longer: every status is told again (OCPP 2.0.1 part 2, B04.FR.01); None: only what changed."""
    reconnect: BackOffRange = field(default_factory=BackOffRange)
    boot_retry: BackOffRange = field(default_factory=lambda: BackOffRange(10.0, 300.0, 5.0))
    learn_utc: bool = True
    """Set the clock from BootNotification and Heartbeat."""
