"""What the keys of input/output cards demand of each other, and of the boards and lines around them."""

from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

from agent.config_errors import KeyPath, key_text
from agent.config_limits import GridContactConfig
from agent.config_tables import AgentConfig, EvseConfig, IoConfig

Refuse = Callable[[KeyPath, str], NoReturn]
_Card = tuple[KeyPath, IoConfig | GridContactConfig, Mapping[str, int], Mapping[str, int]]
"""Where it is written, the card, and the numbers of its coils and inputs by key."""

_MOST_AT_ONCE = 125
"""Inputs are read in one request, or coils where there is no input."""
_VENTILATED_BOARDS = frozenset({"safety"})
"""Boards that charge in state D if they are told to; the others refuse it, or do not tell it from C."""


def check_cards(config: AgentConfig, taken: Mapping[object, KeyPath], refuse: Refuse) -> None:
    """Refuse the first card that cannot be what is written; `taken` are the lines of all other devices."""
    lines: dict[object, tuple[object, KeyPath]] = {}
    used: dict[tuple[object, ...], KeyPath] = {}
    for path, card, coils, inputs in _cards(config, refuse):
        line = card.port or (card.host, card.tcp_port)
        if line in taken:
            refuse((*path, "port"), f"a port of its own; {key_text(taken[line])} uses it already")
        setting = (card.baudrate, card.parity, card.stopbits)
        first_setting, first = lines.setdefault(line, (setting, path))
        if card.port is not None and first_setting != setting:
            refuse(path, f"the baudrate, parity and stopbits of {key_text(first)}, which is on the same line")
        for kind, numbers in (("coil", coils), ("input", inputs)):
            for key, number in numbers.items():
                owner = used.setdefault((line, card.unit, kind, number), (*path, key))
                if owner != (*path, key):
                    refuse((*path, key), f"a {kind} of its own; {key_text(owner)} has number {number} already")


def _cards(config: AgentConfig, refuse: Refuse) -> Iterator[_Card]:
    for index, evse in enumerate(config.evse):
        if evse.io is not None:
            _check_line(evse.io, ("evse", index, "io"), refuse)
            _check_card(evse, evse.io, ("evse", index, "io"), refuse)
            yield ("evse", index, "io"), evse.io, evse.io.coils, evse.io.inputs
    if config.limits.grid_operator is not None:
        path, contact = ("limits", "grid_operator", "contact"), config.limits.grid_operator.contact
        _check_line(contact, path, refuse)
        yield path, contact, {}, {"input": contact.input}


def _check_line(card: IoConfig | GridContactConfig, path: KeyPath, refuse: Refuse) -> None:
    if (card.port is None) == (card.host is None):
        refuse((*path, "port"), "either port (serial) or host (TCP)")


def _check_card(evse: EvseConfig, card: IoConfig, path: KeyPath, refuse: Refuse) -> None:
    if not card.coils and not card.inputs:
        refuse(path, "at least one coil or input")
    read = card.inputs or card.coils
    farthest = max(read, key=lambda key: read[key])
    if read[farthest] - min(read.values()) >= _MOST_AT_ONCE:
        refuse((*path, farthest), f"less than {min(read.values()) + _MOST_AT_ONCE}: all are read at once")
    lock = ("lock_coil", "unlock_coil", "lock_input")
    given = [key for key in lock if getattr(card, key) is not None]
    if given and len(given) < len(lock):
        missing = next(key for key in lock if key not in given)
        refuse((*path, missing), "a number, because a lock needs lock_coil, unlock_coil and lock_input")
    if given and evse.connector_type.startswith("c"):
        refuse((*path, given[0]), "no lock, because an attached cable has none; connector_type names it")
    if card.fan_input is not None and card.fan_coil is None:
        refuse((*path, "fan_coil"), "a number, because fan_input watches it")
    if card.fan_coil is not None and evse.board.driver not in _VENTILATED_BOARDS:
        refuse(
            (*path, "fan_coil"),
            f"no fan, because a board of driver {evse.board.driver!r} refuses state D itself or does not tell it",
        )
