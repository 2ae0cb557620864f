"""A firmware update, step by step. OCPP 2.0.1 part 2, L01 and L02; OCPP 1.6 security white paper, L01."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain import firmware_events as ev
from agent.domain.firmware_events import Do, Download, Tell, UpdateStep
from agent.domain.firmware_update import MAX_INSTALL_STARTS, FirmwareUpdate
from agent.domain.transfer_attempts import PROGRESS_BYTES, Attempts
from agent.domain.vocabulary import FirmwareStatus as F

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUEST = ev.UpdateRequest(
    "http://h/fw", NOW, request_id=7, signing_certificate="PEM", signature="AA==", attempts=Attempts(2, 30)
)
FREE, BUSY = ev.Looked(NOW, busy=False), ev.Looked(NOW, busy=True)
BEGUN, RESTORED = ev.Begun(NOW), ev.Begun(NOW, restored=True)
CUT = ev.DownloadFailed("link lost", 0)
EVENTS: tuple[ev.Event, ...] = (
    BEGUN,
    RESTORED,
    FREE,
    BUSY,
    ev.DownloadBegan(),
    CUT,
    ev.Downloaded(),
    ev.SignatureChecked(),
    ev.SignatureChecked("bad"),
    ev.InstallEnded(needs_reboot=True),
    ev.InstallEnded(reason="bad"),
    ev.Proven(),
    ev.Proven("old one"),
    ev.RebootMissing(),
    ev.Cancelled(),
)


def update(**changes: object) -> FirmwareUpdate:
    return FirmwareUpdate.of(1, replace(REQUEST, **changes))  # type: ignore[arg-type]  # fields of the request


def run(one: FirmwareUpdate, *events: ev.Event) -> ev.Actions:
    """Every action of these events."""
    return [action for event in events for action in one.handle(event)]


def told(actions: ev.Actions) -> list[F]:
    return [action.status for action in actions if isinstance(action, Tell)]


def at(step: UpdateStep, **changes: object) -> FirmwareUpdate:
    one = update()
    one.state = replace(one.state, step=step, **changes)  # type: ignore[arg-type]  # fields of the state
    return one


def test_a_good_update_is_told_in_order() -> None:
    one = update()
    actions = run(
        *(one, BEGUN, ev.DownloadBegan(), ev.Downloaded(), ev.SignatureChecked(), FREE),
        *(ev.InstallEnded(needs_reboot=True), RESTORED, ev.Proven()),
    )
    assert actions == [
        *(Tell(F.DOWNLOADING), Download()),
        *(Tell(F.DOWNLOADED), Do.VERIFY),
        Tell(F.SIGNATURE_VERIFIED),
        *(Do.HOLD, Tell(F.INSTALLING), Do.INSTALL),
        *(Tell(F.INSTALL_REBOOTING), Do.REBOOT),
        *(Do.HOLD, Do.PROVE),
        *(Do.ALARM_UPDATED, Tell(F.INSTALLED), Do.LET_GO, Do.DISCARD),
    ]
    assert one.is_over
    assert one.present_status is F.IDLE


def test_a_later_retrieve_date_is_waited_for() -> None:
    one = update(retrieve_at=NOW + HOUR)
    assert run(one, BEGUN) == [Tell(F.DOWNLOAD_SCHEDULED)]
    assert run(one, FREE, RESTORED, ev.Looked(NOW + HOUR - timedelta(seconds=1), busy=False)) == []
    assert run(one, ev.Looked(NOW + HOUR, busy=True)) == [Tell(F.DOWNLOADING), Download()]


def test_what_is_not_signed_is_not_verified() -> None:
    one = update(signature=None, signing_certificate=None, request_id=None)
    assert told(run(one, BEGUN, ev.Downloaded(), FREE)) == [F.DOWNLOADING, F.DOWNLOADED, F.INSTALLING]


def test_a_failed_attempt_pauses_until_the_retries_are_spent() -> None:
    one = update()
    actions = run(one, BEGUN, CUT, ev.DownloadBegan(), CUT, ev.DownloadBegan(), CUT)
    assert actions == [
        *(Tell(F.DOWNLOADING), Download()),
        *(Tell(F.DOWNLOAD_PAUSED), Download(30), Tell(F.DOWNLOADING)),
        *(Tell(F.DOWNLOAD_PAUSED), Download(30), Tell(F.DOWNLOADING)),
        *(Tell(F.DOWNLOAD_FAILED), Do.DISCARD),
    ]
    assert one.state.reason == "link lost"


def test_without_a_request_id_there_is_no_pause_to_tell() -> None:
    """Else a back-end of plain 1.6 would hear Downloading again and again."""
    one = update(request_id=None)
    assert told(run(one, BEGUN, CUT, ev.DownloadBegan(), CUT, ev.DownloadBegan(), CUT)) == [
        F.DOWNLOADING,
        F.DOWNLOAD_FAILED,
    ]


def test_an_attempt_that_got_further_counts_as_none() -> None:
    one = update()
    run(one, BEGUN)
    for times in range(1, 20):
        assert run(one, ev.DownloadFailed("cut", PROGRESS_BYTES * times)) == [Download(1.0)]
    assert run(one, ev.DownloadFailed("cut", PROGRESS_BYTES * 19)) == [Tell(F.DOWNLOAD_PAUSED), Download(30)]


def test_what_cannot_succeed_is_not_tried_again() -> None:
    one = update()
    actions = run(one, BEGUN, ev.DownloadFailed("too large", 0, is_final=True))
    assert told(actions) == [F.DOWNLOADING, F.DOWNLOAD_FAILED]


def test_a_bad_signature_raises_an_alarm_and_nothing_is_installed() -> None:
    one = update()
    assert run(one, BEGUN, ev.Downloaded(), ev.SignatureChecked("not of this file"))[-3:] == [
        *(Do.ALARM_SIGNATURE, Tell(F.INVALID_SIGNATURE), Do.DISCARD),
    ]
    assert run(one, *EVENTS) == []


def test_a_running_transaction_is_waited_for_with_everything_else_held() -> None:
    one = at(UpdateStep.WAITING)
    assert run(one, BUSY) == [Tell(F.INSTALL_SCHEDULED), Do.HOLD]
    assert run(one, BUSY, BUSY) == []
    assert run(one, FREE) == [Tell(F.INSTALLING), Do.INSTALL]


def test_new_sessions_may_come_meanwhile_where_that_is_allowed() -> None:
    one = at(UpdateStep.WAITING)
    assert run(one, ev.Looked(NOW, busy=True, new_sessions=True)) == [Tell(F.INSTALL_SCHEDULED)]
    assert run(one, ev.Looked(NOW, busy=False, new_sessions=True)) == [Do.HOLD, Tell(F.INSTALLING), Do.INSTALL]


def test_an_install_date_is_waited_for_without_holding_anything() -> None:
    one = update(install_at=NOW + HOUR)
    run(one, BEGUN, ev.Downloaded(), ev.SignatureChecked())
    assert run(one, FREE, BUSY) == [Tell(F.INSTALL_SCHEDULED)]
    assert run(one, ev.Looked(NOW + HOUR, busy=True)) == [Do.HOLD]
    assert run(one, ev.Looked(NOW + HOUR, busy=False)) == [Tell(F.INSTALLING), Do.INSTALL]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (ev.InstallEnded(reason="disk"), F.INSTALLATION_FAILED),
        (ev.InstallEnded(reason="hash", not_verified=True), F.INSTALL_VERIFICATION_FAILED),
    ],
)
def test_a_failed_installation_lets_everything_go(event: ev.Event, status: F) -> None:
    one = at(UpdateStep.INSTALLING, holds=True)
    assert run(one, event) == [Tell(status), Do.LET_GO, Do.DISCARD]


def test_an_installer_that_needs_no_restart_is_done() -> None:
    one = at(UpdateStep.INSTALLING, holds=True)
    assert told(run(one, ev.InstallEnded())) == [F.INSTALLED]


def test_a_station_that_came_back_with_the_old_firmware_has_not_installed() -> None:
    """Lesson 71."""
    one = at(UpdateStep.REBOOTING, holds=True)
    assert run(one, RESTORED, ev.Proven("old one")) == [
        *(Do.HOLD, Do.PROVE),
        *(Tell(F.INSTALLATION_FAILED), Do.LET_GO, Do.DISCARD),
    ]


def test_a_restart_that_did_not_happen_is_asked_for_again() -> None:
    assert run(at(UpdateStep.REBOOTING), ev.RebootMissing()) == [Do.REBOOT]


@pytest.mark.parametrize(
    ("step", "actions"),
    [
        (UpdateStep.DOWNLOADING, [Download()]),
        (UpdateStep.VERIFYING, [Do.VERIFY]),
        (UpdateStep.WAITING, [Do.HOLD]),
        (UpdateStep.INSTALLING, [Do.HOLD, Do.INSTALL]),
        (UpdateStep.REBOOTING, [Do.HOLD, Do.PROVE]),
        (UpdateStep.ENDED, []),
    ],
)
def test_a_restart_goes_on_and_tells_nothing(step: UpdateStep, actions: ev.Actions) -> None:
    assert run(at(step, holds=True), RESTORED) == actions


def test_an_installer_that_never_gets_to_its_end_is_given_up() -> None:
    """Lesson 67: an endless retry."""
    one = at(UpdateStep.INSTALLING, holds=True, install_starts=1)
    for _ in range(1, MAX_INSTALL_STARTS):
        assert Do.INSTALL in run(one, RESTORED)
    assert told(run(one, RESTORED)) == [F.INSTALLATION_FAILED]
    assert not one.state.holds


@pytest.mark.parametrize("step", list(UpdateStep))
def test_only_what_is_not_being_installed_can_be_cancelled(step: UpdateStep) -> None:
    one = at(step, holds=True)
    actions = run(one, ev.Cancelled())
    can = step not in {UpdateStep.INSTALLING, UpdateStep.REBOOTING, UpdateStep.ENDED}
    assert actions == ([Do.LET_GO, Do.DISCARD] if can else [])
    assert one.is_installing == (step in {UpdateStep.INSTALLING, UpdateStep.REBOOTING})


@pytest.mark.parametrize("step", list(UpdateStep))
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_in_every_step_has_an_answer(step: UpdateStep, event: ev.Event) -> None:
    one = at(step, holds=True)
    actions = one.handle(event)
    assert one.is_over == (step is UpdateStep.ENDED or Do.DISCARD in actions)
    assert one.state.holds != one.is_over or step is UpdateStep.ENDED


def test_the_location_is_not_shown() -> None:
    assert "http://h/fw" not in repr(update().state)
