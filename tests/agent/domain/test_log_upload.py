"""An upload of a log, and the attempts at a transfer. OCPP 2.0.1 N01; OCPP 1.6 section 5.9; lesson 107."""

import pytest

from agent.domain.log_upload import LogRequest, LogUpload, Upload
from agent.domain.transfer_attempts import (
    DEFAULT_RETRIES,
    MAX_INTERVAL_S,
    MAX_RETRIES,
    MIN_INTERVAL_S,
    PROGRESS_BYTES,
    Attempts,
)
from agent.domain.vocabulary import UploadStatus as U


def upload(retries: int = 2) -> LogUpload:
    return LogUpload.of(1, LogRequest("http://h/in/", request_id=3, attempts=Attempts(retries, 30)), "log.zip")


def test_uploading_is_told_once_however_often_it_is_tried() -> None:
    one = upload()
    assert one.begin() == (U.UPLOADING, Upload())
    assert one.failed(U.UPLOAD_FAILURE, "cut") == (None, Upload(30, resumes=True))
    assert one.failed(U.UPLOAD_FAILURE, "cut") == (None, Upload(30, resumes=True))
    assert one.failed(U.PERMISSION_DENIED, "no") == (U.PERMISSION_DENIED, None)
    assert one.state.is_over
    assert one.state.reason == "no"
    assert one.present_status is U.IDLE


def test_a_restart_goes_on_and_tells_nothing() -> None:
    one = upload()
    one.begin()
    assert LogUpload(one.state).begin() == (None, Upload(resumes=True))
    assert one.uploaded() is U.UPLOADED
    assert LogUpload(one.state).begin() == (None, None)


def test_what_cannot_succeed_is_not_tried_again() -> None:
    one = upload()
    one.begin()
    assert one.failed(U.NOT_SUPPORTED_OPERATION, "no", is_final=True) == (U.NOT_SUPPORTED_OPERATION, None)


def test_another_request_ends_it() -> None:
    one = upload()
    one.begin()
    assert one.cancel() is U.ACCEPTED_CANCELED
    assert one.state.is_over


@pytest.mark.parametrize(
    ("retries", "interval_s", "expected"),
    [
        (None, None, Attempts(DEFAULT_RETRIES)),
        (0, 0, Attempts(0, MIN_INTERVAL_S)),
        (-5, -5, Attempts(0, MIN_INTERVAL_S)),
        (10**9, 10**9, Attempts(MAX_RETRIES, MAX_INTERVAL_S)),
        (4, 60, Attempts(4, 60.0)),
    ],
)
def test_what_a_back_end_asks_for_is_kept_within_reason(
    retries: int | None, interval_s: int | None, expected: Attempts
) -> None:
    assert Attempts.of(retries, interval_s) == expected


def test_no_retries_means_one_attempt() -> None:
    _, wait_s = Attempts.of(0, 1).failed(0, is_final=False)
    assert wait_s is None


def test_progress_is_measured_against_the_furthest_byte() -> None:
    """A server that begins anew each time does not go on for ever."""
    attempts, wait_s = Attempts(1, 30).failed(5 * PROGRESS_BYTES, is_final=False)
    assert (attempts.failures, wait_s) == (0, MIN_INTERVAL_S)
    attempts, wait_s = attempts.failed(5 * PROGRESS_BYTES, is_final=False)
    assert (attempts.failures, wait_s) == (1, 30)
    assert attempts.failed(4 * PROGRESS_BYTES, is_final=False)[1] is None
