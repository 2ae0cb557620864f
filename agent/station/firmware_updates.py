"""Runner of firmware updates: downloads, has verified, waits, has installed, restarts; tells each step by the journal.

What is told and the state of the update are one commit: after any kill nothing is told twice and nothing left out.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from agent.clock import Clock
from agent.domain import firmware_events as ev
from agent.domain.facts import STATION, FirmwareStatusChanged
from agent.domain.firmware_update import FirmwareUpdate
from agent.domain.vocabulary import FirmwareStatus
from agent.station.file_commands import UpdateOutcome, UpdateReply
from agent.station.firmware_parts import (
    Alarm,
    CertificateVerdict,
    FirmwareVerifier,
    Installer,
    InstallError,
    InstallSite,
    Proof,
    UpdateView,
)
from agent.station.journal import Journal
from agent.store import file_jobs
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.json_codec import encode
from agent.transfer.course import Course
from agent.transfer.errors import TransferError
from agent.transfer.location import parse_location
from agent.transfer.partial_file import discard
from agent.transfer.transfers import FileTransfers
from hal.value import dataclass

logger = logging.getLogger(__name__)

LOOK_S: Final = 10.0
"""So often at least the time of day is looked at: a back-end may set it forward."""
TOLD_BEFORE_REBOOT_S: Final = 10.0
"""So long a restart waits for the back-end to hear of it; the journal keeps what it has not."""
TOLD_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class UpdateParts:
    """What updates are made with."""

    database: Database
    journal: Journal
    clock: Clock
    transfers: FileTransfers
    installer: Installer
    verifier: FirmwareVerifier
    alarm: Alarm
    folder: Path


class FirmwareUpdates:
    """Implements `FirmwareCommands`; `run` returns only on cancellation."""

    def __init__(self, parts: UpdateParts) -> None:
        self._parts = parts
        self._update: FirmwareUpdate | None = None
        self._site: InstallSite | None = None
        self._group: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None
        self._course: Course | None = None
        self._installed_percent: int | None = None
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Load the update that was under way. Raises: StoreError."""
        state = await self._parts.database.run(
            partial(file_jobs.load, name=file_jobs.FIRMWARE_UPDATE, type_=ev.UpdateState)
        )
        self._update = None if state is None else FirmwareUpdate(state)

    def attach(self, site: InstallSite) -> None:
        """Say on which station; once, before `run`."""
        self._site = site

    @property
    def holds(self) -> bool:
        """EVSEs are to be held out of service."""
        return self._update is not None and self._update.state.holds

    @property
    def is_installing(self) -> bool:
        """Nothing may restart the station now (lesson 67)."""
        return self._update is not None and self._update.is_installing

    @property
    def present(self) -> tuple[FirmwareStatus, int | None]:
        """Status, and the request that it is about."""
        if self._update is None or self._update.is_over:
            return FirmwareStatus.IDLE, None
        return self._update.present_status, self._update.state.request.request_id

    @property
    def view(self) -> UpdateView | None:
        """How the last update stands, or ended; None if there was none."""
        if self._update is None:
            return None
        state = self._update.state
        percent = self._installed_percent
        if not self._update.is_installing:
            percent = None if self._course is None else self._course.percent
        return UpdateView(state.status.value, percent, state.reason, state.request.request_id)

    def look_again(self) -> None:
        """A transaction may have ended."""
        self._changed.set()

    async def request(self, request: ev.UpdateRequest) -> UpdateReply:
        """Decide about an update. Source: OCPP 2.0.1 L01.FR.21 to FR.24."""
        try:
            parse_location(request.location)
        except TransferError as error:
            return _refused(UpdateOutcome.REJECTED, str(error))
        if self.is_installing:
            return _refused(UpdateOutcome.REJECTED, "an installation is under way and cannot be interrupted")
        if request.signing_certificate is not None:
            now = self._parts.clock.now().utc
            verdict, why = await self._parts.verifier.check_certificate(request.signing_certificate, now)
            if verdict is not CertificateVerdict.GOOD:
                self._parts.alarm("InvalidFirmwareSigningCertificate", why)
                revoked = verdict is CertificateVerdict.REVOKED
                outcome = UpdateOutcome.REVOKED_CERTIFICATE if revoked else UpdateOutcome.INVALID_CERTIFICATE
                return _refused(outcome, why)
        is_first = self._update is None or self._update.is_over
        outcome = UpdateOutcome.ACCEPTED if is_first else UpdateOutcome.ACCEPTED_CANCELED
        return UpdateReply(outcome, partial(self._begin, request))

    async def run(self) -> None:
        """Go on with what was under way, then look when something may be due."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            kept = None if self._update is None or self._update.is_over else self._image(self._update).name
            self._spawn_beside(asyncio.to_thread(_sweep, self._parts.folder, kept))
            if self._update is not None:
                self._handle(ev.Begun(self._parts.clock.now().utc, restored=True))
            while True:
                self._changed.clear()
                self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s()):
                        await self._changed.wait()

    # ------------------------------------------------------------------ events

    async def _begin(self, request: ev.UpdateRequest) -> None:
        number = 1
        if self._update is not None:
            number = self._update.state.number + 1
            self._handle(ev.Cancelled())
            if not self._update.is_over:
                logger.warning("firmware update not begun reason=the installation of another one has begun meanwhile")
                return
            await self._stop_task()
        logger.info("firmware update begins request=%s from=%s", request.request_id, parse_location(request.location))
        self._course = self._installed_percent = None
        self._update = FirmwareUpdate.of(number, request)
        self._handle(ev.Begun(self._parts.clock.now().utc))
        self._changed.set()

    def _look(self) -> None:
        if self._site is not None:
            busy, new_sessions = self._site.is_busy, self._site.allows_new_sessions
            self._handle(ev.Looked(self._parts.clock.now().utc, busy=busy, new_sessions=new_sessions))

    def _wait_s(self) -> float | None:
        state = None if self._update is None else self._update.state
        if state is None or state.step not in {ev.UpdateStep.SCHEDULED, ev.UpdateStep.WAITING}:
            return None
        due = state.request.retrieve_at if state.step is ev.UpdateStep.SCHEDULED else state.request.install_at
        left_s = LOOK_S if due is None else (due - self._parts.clock.now().utc).total_seconds()
        return LOOK_S if left_s <= 0 else min(LOOK_S, left_s)

    def _handle(self, event: ev.Event) -> None:
        update = self._update
        if update is None:
            return
        before = update.state
        actions = update.handle(event)
        if update.state != before:
            self._keep(update, [action.status for action in actions if isinstance(action, ev.Tell)])
            self._changed.set()
        for action in actions:
            self._perform(update, action)

    def _keep(self, update: FirmwareUpdate, told: list[FirmwareStatus]) -> None:
        state = update.state
        text = encode(state)
        write = partial(file_jobs.put, name=file_jobs.FIRMWARE_UPDATE, text=text)
        at = self._parts.clock.now().utc
        for status in told:
            logger.info("firmware update request=%s status=%s %s", state.request.request_id, status.value, state.reason)
        if told:
            facts = [FirmwareStatusChanged(at, status, state.request.request_id) for status in told]
            self._parts.journal.record(STATION, facts, None, _log_failure, also=write)
        else:
            self._parts.database.submit(write, _log_failure)

    def _perform(self, update: FirmwareUpdate, action: ev.Action) -> None:
        match action:
            case ev.Tell():
                pass
            case ev.Download():
                self._spawn(self._download(update, action.after_s))
            case ev.Do.VERIFY:
                self._spawn(self._verify(update))
            case ev.Do.INSTALL:
                self._spawn(self._install(update))
            case ev.Do.REBOOT:
                self._spawn(self._reboot())
            case ev.Do.PROVE:
                self._spawn(self._prove(update))
            case ev.Do.HOLD | ev.Do.LET_GO:
                if self._site is not None:
                    self._site.hold(held=action is ev.Do.HOLD)
            case ev.Do.DISCARD:
                self._spawn_beside(asyncio.to_thread(discard, self._image(update)))
            case ev.Do.ALARM_SIGNATURE:
                self._parts.alarm("InvalidFirmwareSignature", update.state.reason)
            case ev.Do.ALARM_UPDATED:
                self._parts.alarm("FirmwareUpdated", f"request {update.state.request.request_id}")

    # ------------------------------------------------------------------ what takes time

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            raise RuntimeError("not running")
        self._task = self._group.create_task(work, name="firmware update")

    def _spawn_beside(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is not None:
            self._group.create_task(work, name="firmware update")

    def _image(self, update: FirmwareUpdate) -> Path:
        """Each update has a file of its own: what is left of another one does no harm."""
        return self._parts.folder / f"firmware-{update.state.number}.image"

    async def _stop_task(self) -> None:
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    def _report(self, update: FirmwareUpdate, event: ev.Event) -> None:
        if update is self._update:
            self._handle(event)

    async def _download(self, update: FirmwareUpdate, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._report(update, ev.DownloadBegan())
        self._course = course = self._parts.transfers.course()
        try:
            await self._parts.transfers.download(update.state.request.location, self._image(update), course)
        except TransferError as error:
            logger.warning("firmware download failed reason=%s", error)
            self._report(update, ev.DownloadFailed(str(error), course.done_bytes, error.is_final))
        else:
            self._report(update, ev.Downloaded())

    async def _verify(self, update: FirmwareUpdate) -> None:
        request = update.state.request
        pem, signature = request.signing_certificate or "", request.signature or ""
        reason = await self._parts.verifier.check_signature(self._image(update), pem, signature)
        self._report(update, ev.SignatureChecked(reason))

    async def _install(self, update: FirmwareUpdate) -> None:
        self._installed_percent = 0
        try:
            needs_reboot = await self._parts.installer.install(self._image(update), self._note_percent)
        except InstallError as error:
            event = ev.InstallEnded(reason=str(error), not_verified=error.not_verified)
        else:
            event = ev.InstallEnded(needs_reboot=needs_reboot)
        self._report(update, event)

    def _note_percent(self, percent: int) -> None:
        self._installed_percent = percent

    async def _reboot(self) -> None:
        with suppress(StoreError):
            await self._parts.journal.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_BEFORE_REBOOT_S):
                while self._parts.journal.has_queued():  # noqa: ASYNC110 - the queue tells nobody when it is empty
                    await asyncio.sleep(TOLD_LOOK_S)
        if self._site is not None:
            await self._site.restart()

    async def _prove(self, update: FirmwareUpdate) -> None:
        proof = await self._parts.installer.proof()
        if proof is Proof.SAME_BOOT:
            self._report(update, ev.RebootMissing())
        else:
            reason = "" if proof is Proof.CONFIRMED else "the station came back with the firmware that it had before"
            self._report(update, ev.Proven(reason))


def _sweep(folder: Path, kept: str | None) -> None:
    """Delete what a kill has left of other updates."""
    for file in folder.glob("firmware-*"):
        if kept is None or not file.name.startswith(kept):
            with suppress(OSError):
                file.unlink()


def _refused(outcome: UpdateOutcome, reason: str) -> UpdateReply:
    logger.warning("firmware update refused outcome=%s reason=%s", outcome.value, reason)
    return UpdateReply(outcome, reason=reason)


def _log_failure(error: StoreError) -> None:
    logger.error("state of the firmware update not stored error=%s", error)
