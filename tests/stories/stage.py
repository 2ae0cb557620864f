"""What a story is played on: virtual time in memory, or real processes; both take the same control operations."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]

QUICK_LINK = """
[csms]
reconnect_min_s = 0.3
reconnect_max_s = 2.0
reconnect_random_s = 0.2
call_timeout_s = 8.0
message_attempts = 2
message_attempt_interval_s = 1.0
"""
"""A link that loses no time: what a field station does in minutes happens in seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a story asks of its stage before it begins."""

    version: str
    evses: int = 1
    toml: str = ""
    """More of the agent's configuration, laid over the bench's."""
    link_toml: str = QUICK_LINK
    started: bool = True
    """The agent runs and is online when the story begins."""
    board: str = "rapi"
    """Kind of the boards, or kind and profile as in "safety:socket"."""
    hours: bool = False
    """Hours will pass: the virtual station polls and beats once a minute."""


class Stage(Protocol):
    """One station, its simulated hardware and its back-end."""

    events: list[Json]
    """What the bench has seen on its own side of the wires, oldest first."""
    frames: list[Json]
    """What the back-end has logged, oldest first."""
    agent_starts: int
    state_dir: Path
    """Of the agent."""

    async def bench(self, operation: str, **fields: Any) -> Json:
        """Carry out an operation of the bench's control socket."""

    async def csms(self, operation: str, **fields: Any) -> Json:
        """Carry out an operation of the back-end's control socket."""

    async def start_agent(self) -> None:
        """Start the agent over what it has stored."""

    async def stop_agent(self) -> None:
        """End the agent as SIGTERM does, and wait for it."""

    async def kill_agent(self) -> None:
        """End the agent as SIGKILL does."""

    async def restart_bench(self) -> None:
        """End the bench and start it over its saved state."""

    async def set_reachable(self, *, reachable: bool) -> None:
        """Let the station reach its back-end, or cut it off."""

    async def news(self, timeout_s: float) -> None:
        """Wait until something new was seen, at most this long."""

    async def pass_time(self, seconds: float, *, scaled: bool) -> None:
        """Let time pass; `scaled`: a real stage shortens it."""

    def scaled(self, seconds: float) -> float:
        """Return what `pass_time` makes of these seconds."""

    def now_s(self) -> float:
        """Monotonic seconds of this stage."""

    def check(self) -> None:
        """Raise what ended the agent, if it ended by itself."""


StageMaker = Callable[[Plan, Path], Any]
