"""What each EVSE remembers, and event numbers that grow over restarts: in the meta table."""

import logging
import sqlite3
from collections.abc import Iterable
from typing import Final, cast

from agent.domain.evse_memory import EvseMemory
from agent.store import meta
from agent.store.errors import StoreError
from agent.store.json_codec import decode, encode

logger = logging.getLogger(__name__)

EVENT_NUMBERS: Final = 1000
"""Event numbers reserved at once: one write for so many events."""
_LAST_EVENT: Final = "last_event_id"


def put(connection: sqlite3.Connection, evse_id: int, memory: EvseMemory) -> None:
    """Keep the memory of an EVSE."""
    meta.put(connection, _name(evse_id), encode(memory))


def load(connection: sqlite3.Connection, evse_id: int) -> EvseMemory:
    """Return it; an empty one where there is none. Raises: StoreError if it cannot be read."""
    text = meta.get(connection, _name(evse_id))
    return EvseMemory() if text is None else cast("EvseMemory", decode(text, EvseMemory))


def load_all(connection: sqlite3.Connection, evse_ids: Iterable[int]) -> dict[int, EvseMemory]:
    """Return the memories of these EVSEs; one that cannot be read is empty, and said so."""
    memories = {}
    for evse_id in evse_ids:
        try:
            memories[evse_id] = load(connection, evse_id)
        except StoreError:
            logger.exception("memory cannot be read, it begins anew evse=%d", evse_id)
            memories[evse_id] = EvseMemory()
    return memories


def reserve_events(connection: sqlite3.Connection) -> int:
    """Return the first of `EVENT_NUMBERS` numbers that nobody was ever given."""
    last = int(meta.get(connection, _LAST_EVENT) or 0)
    meta.put(connection, _LAST_EVENT, str(last + EVENT_NUMBERS))
    return last + 1


def _name(evse_id: int) -> str:
    return f"evse_memory.{evse_id}"
