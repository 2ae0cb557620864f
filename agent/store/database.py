"""One SQLite file, one writer, group commit.

Rules kept here:
* WAL and `synchronous=FULL`: what is acknowledged survives a power cut.
* Operations run in order. Whatever is queued at that moment shares one commit (one fdatasync: 0.2 ms on a disk, far
  more on flash; facts: ocpp_libraries), and nothing is acknowledged before it.
* Each operation has its own savepoint: one that raises leaves no trace and its neighbours untouched.
* A file that cannot be read is refused, never moved aside or started anew: it may hold transactions; an empty one is
  new.
* A failure is told to the caller, and the next operation is tried all the same.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from agent.store.errors import StoreError
from agent.store.executors import Executor, WriterThread
from agent.store.schema import bring_up_to_date
from hal.value import dataclass

T = TypeVar("T")
Function = Callable[[sqlite3.Connection], T]

LOG_PAGES = 256
"""SQLite moves the log's pages into the database, and begins it anew, once there are so many: 1 MB."""
BUSY_TIMEOUT_S = 1.0
"""How long to wait for a foreign process that holds the file, a technician's shell for instance."""
_REOPEN_AFTER = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
    }
)
"""Primary error codes after which the connection may be stuck though the disk has recovered."""


@dataclass(slots=True, eq=False)
class Operation:
    """What is to be done, and who is told."""

    function: Function[Any]  # Any: the caller's result passes through
    settle: Callable[[Any, Exception | None], None]


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class Database:
    """The station's one database file."""

    def __init__(self, path: Path, executor: Executor[Operation] | None = None) -> None:
        self._path = path
        self._executor: Executor[Operation] = WriterThread[Operation]() if executor is None else executor
        self._connection: sqlite3.Connection | None = None
        self._broken = False
        self._open = False

    async def open(self) -> None:
        """Open or create the file and bring its schema up to date. Raises: StoreError."""
        self._executor.start(self._perform_group)
        self._open = True
        try:
            await self.run(lambda _: None)
        except StoreError:
            await self.close()
            raise

    async def run(self, function: Function[T]) -> T:
        """Perform `function` after everything queued before it; returns its result once that is durable.

        A caller that is cancelled meanwhile does not stop the operation.
        Raises: StoreError, or what `function` raised of its own.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def settle(result: T, error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._post(Operation(function, settle))
        return await future

    def submit(
        self,
        function: Function[T],
        on_error: Callable[[StoreError], None],
        on_done: Callable[[T], None] | None = None,
    ) -> None:
        """Perform `function` in order without waiting; exactly one of the callbacks is called, on the loop."""

        def settle(result: T, error: Exception | None) -> None:
            if error is not None:
                on_error(error if isinstance(error, StoreError) else StoreError(f"operation failed: {error!r}"))
            elif on_done is not None:
                on_done(result)

        self._post(Operation(function, settle))

    async def close(self) -> None:
        """Perform what is queued and close the file."""
        if self._open:
            self._open = False
            await self._executor.stop(self._disconnect)

    def _post(self, operation: Operation) -> None:
        if not self._open:
            raise StoreError(f"{self._path} is not open")
        self._executor.post(operation)

    # Below: on the writer.

    def _perform_group(self, group: list[Operation]) -> Callable[[], None]:
        outcomes = self._commit(group)
        if outcomes is None:  # A lost transaction takes the whole group with it: each gets its own verdict.
            outcomes = [self._perform_alone(operation) for operation in group]

        def deliver() -> None:
            for operation, outcome in zip(group, outcomes, strict=True):
                if isinstance(outcome, _Failed):
                    operation.settle(None, outcome.error)
                else:
                    operation.settle(outcome, None)

        return deliver

    def _commit(self, group: list[Operation]) -> list[object] | None:
        """Outcomes of a group in one transaction; None if the transaction was lost and each must be tried alone."""
        if len(group) == 1:
            return [self._perform_alone(group[0])]
        try:
            connection = self._connected()
            connection.execute("BEGIN")
            outcomes = [_perform_in_savepoint(connection, operation) for operation in group]
            connection.execute("COMMIT")
        except (sqlite3.Error, StoreError):
            self._roll_back()
            return None
        return outcomes

    def _perform_alone(self, operation: Operation) -> object:
        try:
            connection = self._connected()
            connection.execute("BEGIN")
            result: object = operation.function(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._broken = _primary_code(error) in _REOPEN_AFTER
            self._roll_back()
            return _Failed(_wrapped(error, self._path))
        except Exception as error:  # noqa: BLE001 - handed to the caller, whose function raised it
            self._roll_back()
            return _Failed(error)
        return result

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _connected(self) -> sqlite3.Connection:
        if self._broken:
            self._disconnect()
            self._broken = False
        if self._connection is None:
            self._connection = _connect(self._path)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _perform_in_savepoint(connection: sqlite3.Connection, operation: Operation) -> object:
    connection.execute("SAVEPOINT operation")
    try:
        result: object = operation.function(connection)
    except Exception as error:
        if not connection.in_transaction:
            # A full or failing disk makes SQLite roll all back (lang_transaction.html, "Response To Errors").
            raise StoreError("the transaction was lost") from error
        connection.execute("ROLLBACK TO operation")
        connection.execute("RELEASE operation")
        if isinstance(error, sqlite3.Error):
            return _Failed(_wrapped(error, None))
        return _Failed(error)
    connection.execute("RELEASE operation")
    return result


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600)  # It holds tokens; SQLite gives the same mode to the files beside it.
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, cached_statements=64)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        connection.execute("PRAGMA foreign_keys=ON")
        bring_up_to_date(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"{path} cannot be opened: {error}; it is left as it is") from error
    except StoreError:
        connection.close()
        raise
    return connection


def _wrapped(error: sqlite3.Error, path: Path | None) -> StoreError:
    wrapped = StoreError(f"{path or 'the database'} cannot be used: {error}")
    wrapped.__cause__ = error
    return wrapped


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
