"""Which row was tried under which message id, for answers that come late."""

from collections import OrderedDict
from typing import Final

from agent.domain.facts import JournalRow
from agent.store.errors import StoreError
from agent.store.journal_rows import StoredRow

REMEMBERED: Final = 256
"""Message ids that a late answer may still quote."""


class RememberedMessages:
    """The latest message ids."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, JournalRow] = OrderedDict()

    def row(self, message_id: str) -> JournalRow | None:
        """Return the row that was tried under this id, if it is one of the latest."""
        return self._rows.get(message_id)

    def note(self, row: JournalRow | StoredRow) -> None:
        """Remember the ids of a row; one that cannot be read is left to be parked when its turn comes."""
        if isinstance(row, StoredRow):
            if not row.message_ids:
                return
            try:
                row = row.journal_row()
            except StoreError:
                return
        for message_id in row.message_ids:
            self._rows[message_id] = row
            self._rows.move_to_end(message_id)
        while len(self._rows) > REMEMBERED:
            self._rows.popitem(last=False)
