"""By which clock an earlier process of this boot of the computer stamped, if that clock was not set."""

import sqlite3
from datetime import datetime
from typing import Final

from agent.store import meta

_NAME: Final = "unset_clock"


def known_or_kept(began: datetime | None, boot_id: str, connection: sqlite3.Connection) -> datetime | None:
    """Keep when this boot's monotonic clock stood at 0 by an unset clock, or return what was kept (None: it is set).

    Monotonic times of another boot cannot be compared.
    """
    if began is not None:
        meta.put(connection, _NAME, f"{boot_id} {began.isoformat()}")
        return began
    known, _, kept = (meta.get(connection, _NAME) or "").partition(" ")
    return datetime.fromisoformat(kept) if boot_id and known == boot_id else None
