"""Sends the journal's facts in order, one message at a time, each until it is answered or given up.

Rules kept here:
* A row leaves the journal only when every message of it was answered, or when its attempts are spent: then it is parked
  as a dead letter and the next one goes, since some back-ends never answer a message they dislike.
* A refusal and a missing answer are attempts; a lost link is none. Every attempt has its own message id, and an answer
  to any of them counts, as long as `calls` remembers it.
* A back-end without the security extension refuses security events: that settles them, and holds up nobody.
* A row that is sent again is sent with the same content: it is mapped from the same fact.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.csms.adapter import (
    Adapter,
    CallTimeoutError,
    Dated,
    LinkLostError,
    Outgoing,
    Payload,
    RpcError,
    RpcErrorCode,
    as_stamped,
)
from agent.csms.call_queue import Urgency
from agent.csms.link import CsmsLink
from agent.csms.work import Work
from agent.domain.delivery import TransactionAtCsms, owner_name, same_owner
from agent.domain.facts import (
    Fact,
    JournalRow,
    SecurityEventRaised,
    StationFact,
    TransactionEnded,
    TransactionFact,
    TransactionStarted,
)
from agent.domain.vocabulary import Authorization, IdToken
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

STORE_RETRY_S = 5.0
SECURITY_EVENT = "SecurityEventNotification"
_DOES_NOT_TAKE = frozenset({RpcErrorCode.NOT_IMPLEMENTED, RpcErrorCode.NOT_SUPPORTED})
MAX_LOSSES = 3
"""A back-end that closes each time it is told of a security event would never hear of a transaction again."""
LOSS_NOTICED_S = 0.05
"""A connection may refuse to send a moment before its loss is known; nothing is tried meanwhile."""


class Journal(Protocol):
    """What the outbox needs of the journal."""

    async def next_row(self) -> JournalRow:
        """Wait for the oldest row that is neither acknowledged nor parked."""

    def on_recorded(self, listener: Callable[[Fact], None]) -> None:
        """Tell a fact that is being written, before it is a row that may leave."""

    def attempted(self, row: JournalRow, message_id: str) -> JournalRow:
        """Note one more message id under which this row is being sent; returns the row as it stands now."""

    def acknowledge(self, row: JournalRow, *, csms_transaction_id: int | None = None) -> None:
        """Note that the back-end has this row, and the id it gave to the transaction (1.6)."""

    def park(self, row: JournalRow, reason: str) -> None:
        """Set this row aside as a dead letter."""

    def park_for(self, row: JournalRow, owner: str) -> None:
        """Set this row aside until the station is at the back-end to which it belongs."""

    async def release(self, owner: str) -> int:
        """Queue again what was set aside for this owner; returns how many rows."""

    def claim(self, transaction_id: str, owner: str) -> None:
        """Note which back-end, in which version, acknowledged the start of this transaction."""

    def owner_of(self, transaction_id: str) -> str | None:
        """Tell who acknowledged the start of this transaction, if anyone has."""

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        """Tell how far the back-end knows this transaction."""


Deauthorize = Callable[[str], Coroutine[Any, Any, None]]
OnAuthorization = Callable[[IdToken, Authorization], None]


@dataclass(slots=True)
class _Delivery:
    """The row under way."""

    row: JournalRow
    known: TransactionAtCsms
    message_ids: dict[str, int]
    """Under which ids this process sent it, and which of its messages each was."""
    step: int = 0
    """Which of the row's messages is next."""
    failures: int = 0
    losses: int = 0
    """How often the link went while the message under way was a security event."""
    late: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Runner: empties the journal towards the back-end; `run` returns only on cancellation."""

    def __init__(
        self,
        journal: Journal,
        link: CsmsLink,
        back_end_name: Callable[[], str],
        deauthorize: Deauthorize,
        on_authorization: OnAuthorization,
        dated: Dated = as_stamped,
    ) -> None:
        self._journal = journal
        self._link = link
        self._back_end_name = back_end_name
        self._deauthorize = deauthorize
        self._on_authorization = on_authorization
        self._dated = dated
        self._current: _Delivery | None = None
        self._work: Work | None = None
        link.calls.hear_late_answers(self._take_late_answer)
        journal.on_recorded(self._prepare)

    async def run(self) -> None:
        """Deliver row by row."""
        async with asyncio.TaskGroup() as group:
            self._work = Work(group)
            group.create_task(self._take_back(), name="rows set aside")
            while True:
                row = await self._journal.next_row()
                self._current = _Delivery(row, self._known_of(row.fact), {})
                try:
                    await self._deliver(self._current)
                finally:
                    self._current = None

    async def _take_back(self) -> None:
        """Queue again, at each back-end, what was set aside for it."""
        while True:
            await self._link.online.wait()
            owner = self._owner()
            try:
                released = await self._journal.release(owner)
            except StoreError as error:
                logger.warning("facts of this back-end cannot be queued again yet error=%s", error)
                await asyncio.sleep(STORE_RETRY_S)
                continue
            if released:
                logger.info("facts of this back-end queued again rows=%d", released)
            if owner == self._owner():
                await self._link.offline.wait()

    def _prepare(self, fact: Fact) -> None:
        """Write the message of a fact that may be next while the disk works: only its sending waits for that."""
        adapter = self._link.adapter
        if self._current is None and adapter is not None and self._link.online.is_set():
            for outgoing in adapter.fact_requests(self._dated(fact), self._known_of(fact))[:1]:
                self._link.calls.prepare(outgoing)

    def _known_of(self, fact: Fact) -> TransactionAtCsms:
        transaction_id = _transaction_id(fact)
        return self._journal.at_csms(transaction_id) if transaction_id else TransactionAtCsms()

    async def _deliver(self, delivery: _Delivery) -> None:
        """Bring one row to its end: acknowledged or parked."""
        while True:
            await self._link.online.wait()
            adapter = self._link.adapter
            if adapter is None:
                raise RuntimeError("online without an adapter")
            foreign = self._foreign_owner(delivery)
            if foreign is not None:
                self._journal.park_for(delivery.row, foreign)
                return
            requests = adapter.fact_requests(self._dated(delivery.row.fact), delivery.known)
            if delivery.step >= len(requests):
                self._settle_untold(delivery) if not requests else self._acknowledge(delivery)
                return
            if not await self._attempt(delivery, adapter, requests[delivery.step]):
                return

    def _settle_untold(self, delivery: _Delivery) -> None:
        """This version has nothing to say of the fact: either it never has, or because the start was given up."""
        fact = delivery.row.fact
        begins = isinstance(fact, TransactionStarted | StationFact)
        if begins or delivery.known.start_acknowledged:
            self._acknowledge(delivery)
        else:
            self._journal.park(delivery.row, "the start of its transaction was given up")

    async def _attempt(self, delivery: _Delivery, adapter: Adapter, outgoing: Outgoing) -> bool:
        """Send one message once; returns False if its row was parked."""
        step, attempts_before = delivery.step, delivery.row.attempts
        delivery.late.clear()
        try:
            payload = await self._link.call(outgoing, Urgency.TRANSACTION, self._note_attempt)
            if delivery.step == step:
                self._take_answer(delivery, adapter, outgoing.action, payload)
        except LinkLostError:
            await asyncio.sleep(LOSS_NOTICED_S)
            return not (outgoing.action == SECURITY_EVENT and self._given_up_by_loss(delivery, attempts_before))
        except (RpcError, CallTimeoutError, ValueError) as error:
            if delivery.step != step:
                return True
            if outgoing.action == SECURITY_EVENT and isinstance(error, RpcError) and error.code in _DOES_NOT_TAKE:
                logger.info("the back-end takes no security events row=%d", delivery.row.row_id)
                delivery.step += 1
                return True
            return await self._fail(delivery, adapter, error)
        return True

    def _given_up_by_loss(self, delivery: _Delivery, attempts_before: int) -> bool:
        """Count a loss of the link while a security event was on the wire; True if its row is settled by it."""
        delivery.losses += delivery.row.attempts > attempts_before
        if delivery.losses < MAX_LOSSES:
            return False
        reason = f"the link was lost {delivery.losses} times when it was sent"
        if isinstance(delivery.row.fact, SecurityEventRaised):
            self._journal.park(delivery.row, reason)
        else:
            logger.error("message given up row=%d step=%d reason=%s", delivery.row.row_id, delivery.step, reason)
            self._acknowledge(delivery)
        return True

    async def _fail(self, delivery: _Delivery, adapter: Adapter, error: Exception) -> bool:
        """Wait before the next attempt, or park and return False."""
        delivery.failures += 1
        if delivery.failures >= adapter.message_attempts():
            if delivery.step > 0:  # the back-end has the fact; only what goes with it is given up
                logger.error("message given up row=%d step=%d error=%s", delivery.row.row_id, delivery.step, error)
                self._acknowledge(delivery)
            else:
                self._journal.park(delivery.row, str(error))
            return False
        wait_s = adapter.message_retry_interval_s() * delivery.failures
        logger.warning(
            "message failed row=%d failures=%d retry_in_s=%d error=%s",
            delivery.row.row_id,
            delivery.failures,
            wait_s,
            error,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await delivery.late.wait()
        return True

    def _note_attempt(self, message_id: str) -> None:
        delivery = self._current
        if delivery is not None:
            delivery.message_ids[message_id] = delivery.step
            delivery.row = self._journal.attempted(delivery.row, message_id)

    def _take_answer(self, delivery: _Delivery, adapter: Adapter, action: str, payload: Payload) -> None:
        fact = delivery.row.fact
        answer = adapter.read_fact_answer(fact, action, payload)
        delivery.step += 1
        delivery.failures = 0
        if answer.csms_transaction_id is not None:
            delivery.known = TransactionAtCsms(start_acknowledged=True, csms_transaction_id=answer.csms_transaction_id)
        if answer.authorization is not None and not isinstance(fact, StationFact):
            self._take_authorization(fact, answer.authorization)

    def _take_authorization(self, fact: TransactionFact, authorization: Authorization) -> None:
        if fact.id_token is not None:
            self._on_authorization(fact.id_token, authorization)
        if not authorization.accepted and self._work is not None and not isinstance(fact, TransactionEnded):
            self._work.begin("deauthorization", self._deauthorize(fact.transaction_id))

    def _acknowledge(self, delivery: _Delivery) -> None:
        fact = delivery.row.fact
        self._journal.acknowledge(delivery.row, csms_transaction_id=delivery.known.csms_transaction_id)
        if isinstance(fact, TransactionStarted):
            self._journal.claim(fact.transaction_id, self._owner())

    def _foreign_owner(self, delivery: _Delivery) -> str | None:
        """Return to whom this row belongs, if not to the present back-end in the present version."""
        transaction_id = _transaction_id(delivery.row.fact)
        owner = None if transaction_id is None else self._journal.owner_of(transaction_id)
        if owner is None or same_owner(owner, self._owner()):
            return None
        return owner.partition("://")[2] or owner

    def _owner(self) -> str:
        adapter = self._link.adapter
        return owner_name(self._back_end_name(), adapter.subprotocol if adapter else "")

    def _take_late_answer(self, message_id: str, action: str, payload: Payload) -> None:
        delivery, adapter = self._current, self._link.adapter
        if delivery is None or adapter is None:
            return
        if delivery.message_ids.get(message_id) != delivery.step:
            return
        try:
            self._take_answer(delivery, adapter, action, payload)
        except ValueError as error:
            logger.warning("late answer cannot be read row=%d error=%s", delivery.row.row_id, error)
            return
        delivery.late.set()


def _transaction_id(fact: Fact) -> str | None:
    return None if isinstance(fact, StationFact) else fact.transaction_id
