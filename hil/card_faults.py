"""What can be wrong at an input/output card and at what is wired to it (rule over one card)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from hil.devices.modbus_io import IoCardSimulator


def _lock_blocked(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001 - a switch has one position
    card.lock_blocked = on


def _lock_released(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001
    if on:
        card.move_lock(locked=False)


def _emergency_stop(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001
    card.press(pressed=on)


def _fan_fails(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001
    card.stop_fan(fails=on)


def _card_silent(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001
    card.muted = on


def _breaker_tripped(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001
    (card.trip_breaker if on else card.reset_breaker)()


def _grid_limit(card: IoCardSimulator, on: bool) -> None:  # noqa: FBT001
    card.close_grid_contact(closed=on)


CARD_KINDS: Final[Mapping[str, Callable[[IoCardSimulator, bool], None]]] = MappingProxyType(
    {
        "lock_blocked": _lock_blocked,
        "lock_released": _lock_released,
        "emergency_stop": _emergency_stop,
        "fan_fails": _fan_fails,
        "card_silent": _card_silent,
        "breaker_tripped": _breaker_tripped,
        "grid_limit": _grid_limit,
    }
)
"""Kinds that an EVSE with a card has, whatever its board has."""
CARD_ALONE: Final = frozenset({"lock_released", "fan_fails", "card_silent", "breaker_tripped", "grid_limit"})
"""Kinds that no board has."""
NO_CARD: Final = "this EVSE has no input/output card; serve the bench with --io"
