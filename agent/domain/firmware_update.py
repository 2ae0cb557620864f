"""A firmware update, step by step: event in, actions out.

Rules kept here:
* Statuses are told in the order of OCPP 2.0.1 L01, none of them twice, over restarts as well. `Installed` only after
  the new firmware has proven itself (lessons 68, 71).
* Nothing is installed while a transaction is open. EVSEs are held out of service while it is waited for (unless new
  sessions are allowed meanwhile) and while it is installed, and let go however it ends (lessons 58, 70).
* Whatever the installer does to this process, it is begun three times at most (lesson 67).
Source: OCPP 2.0.1 part 2, L01 and L02; OCPP 1.6 security white paper, L01; OCPP 1.6 section 5.19.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from agent.domain.firmware_events import (
    Actions,
    Begun,
    Cancelled,
    Do,
    Download,
    DownloadBegan,
    Downloaded,
    DownloadFailed,
    Event,
    InstallEnded,
    Looked,
    Proven,
    RebootMissing,
    SignatureChecked,
    Tell,
    UpdateRequest,
    UpdateState,
    UpdateStep,
)
from agent.domain.vocabulary import FirmwareStatus

MAX_INSTALL_STARTS: Final = 3


class FirmwareUpdate:
    """One update; `state` is to be stored after each event, with what was told."""

    def __init__(self, state: UpdateState) -> None:
        self.state = state
        self._actions: Actions = []

    @classmethod
    def of(cls, number: int, request: UpdateRequest) -> "FirmwareUpdate":
        """Make one that has not begun."""
        return cls(UpdateState(number, request, UpdateStep.SCHEDULED, FirmwareStatus.IDLE, request.attempts))

    @property
    def is_over(self) -> bool:
        """True once nothing more will happen."""
        return self.state.step is UpdateStep.ENDED

    @property
    def is_installing(self) -> bool:
        """True while it can neither be cancelled nor disturbed by a reset."""
        return self.state.step in {UpdateStep.INSTALLING, UpdateStep.REBOOTING}

    @property
    def present_status(self) -> FirmwareStatus:
        """What a back-end that asks is told."""
        return FirmwareStatus.IDLE if self.is_over else self.state.status

    def handle(self, event: Event) -> Actions:
        """Return what is to be done; an event that means nothing in this step brings nothing."""
        self._actions = []
        rule = self._TABLE.get((self.state.step, type(event))) or self._ALWAYS.get(type(event))
        if rule is not None and not self.is_over:
            rule(self, event)
        return self._actions

    # ------------------------------------------------------------------ the steps

    def _begun(self, event: Begun) -> None:
        if event.restored:
            self._look(Looked(event.now, busy=True, new_sessions=True))
        elif event.now < self.state.request.retrieve_at:
            self._tell(FirmwareStatus.DOWNLOAD_SCHEDULED)
        else:
            self._start_download()

    def _look(self, event: Looked) -> None:
        if event.now >= self.state.request.retrieve_at:
            self._start_download()

    def _start_download(self) -> None:
        self._change(step=UpdateStep.DOWNLOADING)
        self._tell(FirmwareStatus.DOWNLOADING)
        self._actions.append(Download())

    def _download_again(self, _event: Begun) -> None:
        self._actions.append(Download())

    def _download_began(self, _event: DownloadBegan) -> None:
        if self.state.status is FirmwareStatus.DOWNLOAD_PAUSED:
            self._tell(FirmwareStatus.DOWNLOADING)

    def _download_failed(self, event: DownloadFailed) -> None:
        attempts, wait_s = self.state.attempts.failed(event.reached_bytes, is_final=event.is_final)
        self._change(attempts=attempts, reason=event.reason)
        if wait_s is None:
            self._end(FirmwareStatus.DOWNLOAD_FAILED)
            return
        # Without a request id the back-end has no word for a pause, and would hear Downloading twice.
        if attempts.failures and self.state.request.request_id is not None:
            self._tell(FirmwareStatus.DOWNLOAD_PAUSED)
        self._actions.append(Download(wait_s))

    def _downloaded(self, _event: Downloaded) -> None:
        self._download_began(DownloadBegan())
        self._change(reason="")
        self._tell(FirmwareStatus.DOWNLOADED)
        if self.state.request.signature is None:
            self._change(step=UpdateStep.WAITING)
        else:
            self._change(step=UpdateStep.VERIFYING)
            self._actions.append(Do.VERIFY)

    def _verify_again(self, _event: Begun) -> None:
        self._actions.append(Do.VERIFY)

    def _signature_checked(self, event: SignatureChecked) -> None:
        if event.reason:
            self._change(reason=event.reason)
            self._actions.append(Do.ALARM_SIGNATURE)
            self._end(FirmwareStatus.INVALID_SIGNATURE)
            return
        self._change(step=UpdateStep.WAITING)
        self._tell(FirmwareStatus.SIGNATURE_VERIFIED)

    def _hold_again(self, _event: Begun) -> None:
        if self.state.holds:
            self._actions.append(Do.HOLD)

    def _may_install(self, event: Looked) -> None:
        early = self.state.request.install_at is not None and event.now < self.state.request.install_at
        if not early and not event.busy:
            self._hold()
            self._change(step=UpdateStep.INSTALLING, install_starts=1)
            self._tell(FirmwareStatus.INSTALLING)
            self._actions.append(Do.INSTALL)
            return
        if self.state.status is not FirmwareStatus.INSTALL_SCHEDULED:
            self._tell(FirmwareStatus.INSTALL_SCHEDULED)
        if not early and not event.new_sessions:
            self._hold()

    def _install_again(self, event: Begun) -> None:
        self._hold_again(event)
        if self.state.install_starts >= MAX_INSTALL_STARTS:
            self._change(reason=f"the installer was interrupted {self.state.install_starts} times")
            self._end(FirmwareStatus.INSTALLATION_FAILED)
            return
        self._change(install_starts=self.state.install_starts + 1)
        self._actions.append(Do.INSTALL)

    def _install_ended(self, event: InstallEnded) -> None:
        if event.reason:
            self._change(reason=event.reason)
            failed = FirmwareStatus.INSTALLATION_FAILED
            self._end(FirmwareStatus.INSTALL_VERIFICATION_FAILED if event.not_verified else failed)
        elif event.needs_reboot:
            self._change(step=UpdateStep.REBOOTING)
            self._tell(FirmwareStatus.INSTALL_REBOOTING)
            self._actions.append(Do.REBOOT)
        else:
            self._installed()

    def _prove(self, event: Begun) -> None:
        self._hold_again(event)
        self._actions.append(Do.PROVE)

    def _reboot_again(self, _event: RebootMissing) -> None:
        self._actions.append(Do.REBOOT)

    def _proven(self, event: Proven) -> None:
        if event.reason:
            self._change(reason=event.reason)
            self._end(FirmwareStatus.INSTALLATION_FAILED)
        else:
            self._installed()

    def _cancelled(self, _event: Cancelled) -> None:
        if not self.is_installing:
            self._change(reason="another request took its place")
            self._end(None)

    def _installed(self) -> None:
        self._actions.append(Do.ALARM_UPDATED)
        self._end(FirmwareStatus.INSTALLED)

    # ------------------------------------------------------------------ what all of them use

    def _end(self, status: FirmwareStatus | None) -> None:
        if status is not None:
            self._tell(status)
        if self.state.holds:
            self._actions.append(Do.LET_GO)
        self._actions.append(Do.DISCARD)
        self._change(step=UpdateStep.ENDED, holds=False)

    def _hold(self) -> None:
        if not self.state.holds:
            self._change(holds=True)
            self._actions.append(Do.HOLD)

    def _tell(self, status: FirmwareStatus) -> None:
        self._change(status=status)
        self._actions.append(Tell(status))

    def _change(self, **changes: Any) -> None:  # Any: fields of `UpdateState`
        self.state = replace(self.state, **changes)

    _TABLE: ClassVar[Mapping[tuple[UpdateStep, type], Callable[["FirmwareUpdate", Any], None]]] = {
        (UpdateStep.SCHEDULED, Begun): _begun,
        (UpdateStep.SCHEDULED, Looked): _look,
        (UpdateStep.DOWNLOADING, Begun): _download_again,
        (UpdateStep.DOWNLOADING, DownloadBegan): _download_began,
        (UpdateStep.DOWNLOADING, DownloadFailed): _download_failed,
        (UpdateStep.DOWNLOADING, Downloaded): _downloaded,
        (UpdateStep.VERIFYING, Begun): _verify_again,
        (UpdateStep.VERIFYING, SignatureChecked): _signature_checked,
        (UpdateStep.WAITING, Begun): _hold_again,
        (UpdateStep.WAITING, Looked): _may_install,
        (UpdateStep.INSTALLING, Begun): _install_again,
        (UpdateStep.INSTALLING, InstallEnded): _install_ended,
        (UpdateStep.REBOOTING, Begun): _prove,
        (UpdateStep.REBOOTING, Proven): _proven,
        (UpdateStep.REBOOTING, RebootMissing): _reboot_again,
    }
    """What each step makes of an event; everything else means nothing to it."""
    _ALWAYS: ClassVar[Mapping[type, Callable[["FirmwareUpdate", Any], None]]] = {Cancelled: _cancelled}
