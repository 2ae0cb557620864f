"""Facts that wait for another back-end: what is known of them, and their way back into the queue (runner)."""

from contextlib import suppress

from agent.store import parked
from agent.store.database import Database
from agent.store.deliveries import Deliveries
from agent.store.errors import StoreError
from agent.store.ordered_writer import OrderedWriter
from agent.store.parked import ParkedFact
from agent.store.queue_window import QueueWindow


class SetAside:
    """Part of the journal."""

    def __init__(
        self,
        database: Database,
        writer: OrderedWriter,
        window: QueueWindow,
        deliveries: Deliveries,
        window_rows: int,
    ) -> None:
        self._database = database
        self._writer = writer
        self._window = window
        self._deliveries = deliveries
        self._window_rows = window_rows
        self.owners: set[str] = set()
        """For whom something waits."""

    async def release(self, owner: str) -> int:
        """Queue again what waits for this owner; returns how many facts. Raises: StoreError."""
        if owner not in self.owners:
            return 0
        await self._writer.flush()
        self._window.watch_removals()
        released = await self._database.run(lambda connection: parked.release(connection, owner, self._window_rows))
        for record in released.records:
            self._deliveries.put(record)
        for transaction_id, count in released.queued.items():
            for _ in range(count):
                self._deliveries.queue(transaction_id)
        self._window.restart(released.oldest, whole=len(released.oldest) < self._window_rows)
        self.owners.discard(owner)
        return sum(released.queued.values())

    async def facts(self) -> list[ParkedFact]:
        """Return what waits, oldest first. Raises: StoreError."""
        with suppress(StoreError):
            await self._writer.flush()
        return await self._database.run(parked.parked_facts)
