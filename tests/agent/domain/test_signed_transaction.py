"""What is asked of a signing meter, and when a session waits for it."""

from datetime import UTC, datetime
from decimal import Decimal

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState
from agent.domain.signed_transaction import Phase, SignedTransaction, SigningTerms, signing_request
from agent.domain.transaction import TransactionRecorder
from agent.domain.vocabulary import IdToken, IdTokenType
from tests.agent.domain.ocmf_records import BEGIN, END, record

TERMS = SigningTerms("CS-1 1", "0.39 EUR/kWh")
CARD = IdToken("04A1B2C3")
AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
FIRST, LAST = record(1, BEGIN), record(2, BEGIN, END)


def asks(signing: SignedTransaction, state: SessionState) -> list[act.StartSigning | act.StopSigning]:
    return signing.asks(state, TransactionRecorder(1), CARD, AT)


def test_without_terms_nothing_is_asked_and_nothing_waits() -> None:
    signing = SignedTransaction(None)
    assert asks(signing, SessionState.CHARGING) == []
    assert signing.permits_power
    assert signing.is_settled


def test_begin_and_end_are_asked_once_each() -> None:
    signing = SignedTransaction(TERMS)
    [start] = asks(signing, SessionState.SUSPENDED_EVSE)
    assert isinstance(start, act.StartSigning)
    assert asks(signing, SessionState.SUSPENDED_EVSE) == []
    assert signing.begin is None
    signing.answered(ev.SigningBegan(start.number, FIRST))
    assert signing.permits_power
    assert asks(signing, SessionState.CHARGING) == []
    [stop] = asks(signing, SessionState.READING_METER)
    assert isinstance(stop, act.StopSigning)
    assert stop.begin == FIRST
    assert asks(signing, SessionState.READING_METER) == []
    assert not signing.is_settled
    signing.answered(ev.SigningEnded(stop.number, LAST))
    assert (signing.end, signing.is_settled) == (LAST, True)


def test_an_answer_to_an_earlier_authorisation_changes_nothing() -> None:
    signing = SignedTransaction(TERMS)
    asks(signing, SessionState.SUSPENDED_EVSE)
    signing.close()
    asks(signing, SessionState.SUSPENDED_EVSE)
    signing.answered(ev.SigningBegan(1, FIRST))
    assert signing.begin is None
    assert not signing.permits_power


def test_a_begin_that_never_came_is_ended_too() -> None:
    """The meter may have signed it although its answer was lost."""
    signing = SignedTransaction(TERMS)
    asks(signing, SessionState.SUSPENDED_EVSE)
    [stop] = asks(signing, SessionState.READING_METER)
    assert isinstance(stop, act.StopSigning)
    assert stop.begin is None


def test_an_authorisation_that_never_was_is_not_ended() -> None:
    signing = SignedTransaction(TERMS)
    assert asks(signing, SessionState.READING_METER) == []
    assert (signing.phase, signing.is_settled) == (Phase.NONE, True)


def test_the_record_names_user_place_and_tariff() -> None:
    request = signing_request("tx", TERMS, CARD)
    assert (request.identification_type, request.identification) == ("ISO14443", "04A1B2C3")
    assert (request.identification_flags, request.charge_point_id) == (("RFID_PLAIN",), "CS-1 1")
    assert request.tariff_text == "0.39 EUR/kWh"
    assert signing_request("tx", TERMS, IdToken("alice", IdTokenType.CENTRAL)).identification_flags == ()


def test_a_user_whom_ocmf_cannot_name_is_nobody() -> None:
    for token in (None, IdToken("00:11", IdTokenType.MAC_ADDRESS)):
        request = signing_request("tx", TERMS, token)
        assert (request.identification_type, request.identification) == ("NONE", "")


def test_rules_wait_longer_for_the_end_than_the_station_tries() -> None:
    rules = SessionRules(signing=TERMS)
    assert Decimal(rules.signing_timeout_s) > 18
