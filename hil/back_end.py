"""The back-end's side of a scenario: what the station told it, and what it asks of the station (runner)."""

from collections.abc import Callable
from typing import Any

from hil.control_client import ControlClient
from hil.csms.dialect import Dialect, Request
from hil.errors import StationError
from hil.roles import Json
from hil.watching import Watching

TOLD_LIMIT_S = 20.0


class BackEnd:
    """The bench CSMS; `messages` are its frames as it streamed them."""

    def __init__(self, control: ControlClient, dialect: Dialect, watching: Watching) -> None:
        self.dialect = dialect
        self.messages: list[Json] = []
        self._control = control
        self._watching = watching

    def take(self, frame: Json) -> None:
        """Take one frame of the stream."""
        self.messages.append(frame)
        self._watching.notify()

    async def ask(self, operation: str, **fields: Any) -> Json:
        """Carry out any operation of the back-end's control socket. Raises: StationError."""
        return await self._control.ask(operation, **fields)

    async def send(self, request: Request) -> Json:
        """Ask the station; gives its answer's payload, or `{"call_error": …}`."""
        action, payload = request
        result = await self.ask("send", action=action, payload=payload)
        answer: Json = result.get("payload", result)
        return answer

    async def remote_start(self, token: str, evse: int = 1) -> str:
        """Ask to start; gives the status of the answer."""
        return str((await self.send(self.dialect.remote_start(token, evse)))["status"])

    async def remote_stop(self, transaction_id: str) -> str:
        """Ask to stop; gives the status of the answer."""
        return str((await self.send(self.dialect.remote_stop(transaction_id)))["status"])

    async def set_variable(self, name: str, value: str) -> str:
        """Set `Component.Variable`; gives the status of the answer."""
        return self.dialect.set_status(await self.send(self.dialect.set_variable(name, value)))

    async def ledger(self) -> Json:
        """Transactions as the back-end understood them."""
        return await self.ask("ledger")

    async def transactions(self) -> list[Json]:
        """Every transaction, in order."""
        transactions: list[Json] = (await self.ledger())["transactions"]
        return transactions

    def requests(self, action: str | None = None, *, since: float = 0.0) -> list[Json]:
        """Calls of the station since this moment."""
        return [
            frame
            for frame in self.messages
            if (frame["direction"], frame["kind"]) == ("in", "call")
            and frame["t"] >= since
            and action in {None, frame["action"]}
        ]

    async def requested(
        self,
        action: str,
        where: Callable[[Json], bool] = lambda _payload: True,
        *,
        since: float | None = None,
        within_s: float = TOLD_LIMIT_S,
    ) -> Json:
        """Wait for a call that fits, since the latest stimulus; gives the frame. Raises: AssertionError."""
        return await self._frame(
            lambda frame: frame["action"] == action and where(frame["payload"]), action, since, within_s
        )

    async def told(
        self, what: str, evse: int = 1, *, since: float | None = None, within_s: float = TOLD_LIMIT_S
    ) -> Json:
        """Wait until a status or charging state is told (Available, SuspendedEV, Faulted …); gives the frame."""
        return await self._frame(lambda frame: self.dialect.tells(frame, what, evse), what, since, within_s)

    async def fault(
        self, fault: str, evse: int = 1, *, since: float | None = None, within_s: float = TOLD_LIMIT_S
    ) -> Json:
        """Wait until a fault is told to stand, by its own name (contactor_welded …); gives the frame."""
        return await self._frame(lambda frame: self.dialect.raises(frame, fault, evse), fault, since, within_s)

    def faults_told(self, fault: str, evse: int = 1, *, since: float = 0.0) -> list[Json]:
        """Requests that told this fault to stand since then."""
        return [frame for frame in self.requests(since=since) if self.dialect.raises(frame, fault, evse)]

    async def started(self, *, since: float | None = None, within_s: float = TOLD_LIMIT_S) -> Json:
        """Wait for the start of a transaction; gives the frame."""
        return await self._frame(self.dialect.starts, "start of a transaction", since, within_s)

    async def ended(self, *, since: float | None = None, within_s: float = TOLD_LIMIT_S) -> Json:
        """Wait for the end of a transaction; gives the transaction of the ledger."""
        frame = await self._frame(self.dialect.ends, "end of a transaction", since, within_s)
        payload = frame["payload"]
        told_id = str(payload.get("transactionId", payload.get("transactionInfo", {}).get("transactionId")))
        for transaction in await self.transactions():
            if str(transaction["transaction_id"]) == told_id:
                return transaction
        raise StationError(f"the ledger of the back-end has no transaction {told_id}")

    def reason(self, reason: str) -> str:
        """Return what this OCPP version calls a stop reason of 2.0.1."""
        return self.dialect.reason(reason)

    async def _frame(self, fits: Callable[[Json], bool], what: str, since: float | None, within_s: float) -> Json:
        from_t = self._watching.stimulus_t if since is None else since
        return await self._watching.find(
            lambda: next((frame for frame in self.requests(since=from_t) if fits(frame)), None),
            f"the back-end is told {what}",
            within_s,
        )
