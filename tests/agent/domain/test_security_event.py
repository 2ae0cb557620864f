"""OCPP 1.6 security white paper edition 3, security events; OCPP 2.0.1 part 2, appendix 1."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agent.csms.v16.security_events import NAMES
from agent.domain.refused_tokens import MANY, WITHIN_S, RefusedTokens
from agent.domain.security_event import ClockQuality, SecurityEventType, clipped_info, clock_quality

CRITICAL_16 = {
    "FirmwareUpdated",
    "SettingSystemTime",
    "StartupOfTheDevice",
    "ResetOrReboot",
    "SecurityLogWasCleared",
    "MemoryExhaustion",
    "TamperDetectionActivated",
}
NOT_CRITICAL_201 = {
    "FailedToAuthenticateAtCsms",
    "CsmsFailedToAuthenticate",
    "ReconfigurationOfSecurityParameters",
    "InvalidMessages",
    "AttemptedReplayAttacks",
}
LISTED_16 = CRITICAL_16 | {
    "FailedToAuthenticateAtCentralSystem",
    "CentralSystemFailedToAuthenticate",
    "ReconfigurationOfSecurityParameters",
    "InvalidMessages",
    "AttemptedReplayAttacks",
    "InvalidFirmwareSignature",
    "InvalidFirmwareSigningCertificate",
    "InvalidCentralSystemCertificate",
    "InvalidChargePointCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
}


def test_every_event_of_the_white_paper_has_its_name() -> None:
    assert set(NAMES.values()) >= LISTED_16
    assert set(NAMES) == set(SecurityEventType)
    assert all(len(name) <= 50 for name in NAMES.values())


def test_what_either_version_calls_critical_is_told() -> None:
    for type_ in SecurityEventType:
        if NAMES[type_] in CRITICAL_16:
            assert type_.is_critical, type_
        if type_.value in NOT_CRITICAL_201:
            assert not type_.is_critical, type_
    assert SecurityEventType.INVALID_FIRMWARE_SIGNATURE.is_critical  # 2.0.1


@given(st.text(max_size=600))
def test_information_is_one_printable_line_of_at_most_255_characters(text: str) -> None:
    clipped = clipped_info(text)
    assert len(clipped) == min(len(text), 255)
    assert clipped.isprintable()
    assert all(got in {wanted, "?"} for got, wanted in zip(clipped, text, strict=False))


def test_a_clock_from_before_this_software_was_never_set() -> None:
    assert clock_quality(datetime(1970, 1, 1, 0, 5, tzinfo=UTC), taught=True) is ClockQuality.UNSET
    assert clock_quality(datetime(2026, 1, 1, tzinfo=UTC), taught=False) is ClockQuality.SYSTEM
    assert clock_quality(datetime(2026, 1, 1, tzinfo=UTC), taught=True) is ClockQuality.CSMS


def test_many_refusals_within_the_time_are_told_once_and_counted_anew() -> None:
    refused = RefusedTokens()
    told = [refused.refused(float(second)) for second in range(2 * MANY)]
    assert [index for index, text in enumerate(told) if text] == [MANY - 1, 2 * MANY - 1]


def test_refusals_that_are_far_apart_are_never_many() -> None:
    refused = RefusedTokens()
    assert not any(refused.refused(index * (WITHIN_S / (MANY - 1) + 1)) for index in range(50))
