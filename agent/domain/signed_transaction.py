"""Where the signed transaction of one authorisation stands, and what has to be asked of the meter next.

Power waits for the signed begin, the end of the authorisation for the signed end; a meter that fails ends both waits.
Nothing else waits for a signature. A restored transaction may be open at the meter although its begin was not stored.
Source: facts ocmf_eichrecht, station duties: a signed reading at begin and end, each once.
"""

from datetime import datetime
from enum import Enum, auto

from agent.domain.actions import StartSigning, StopSigning
from agent.domain.events import SigningBegan, SigningEnded
from agent.domain.session_state import SessionState
from agent.domain.transaction import TransactionRecorder, TransactionState
from agent.domain.vocabulary import IdToken, IdTokenType
from hal.signed_meter import SignedRecord, SigningRequest
from hal.value import dataclass

_IDENTIFICATION_TYPES = {
    IdTokenType.CENTRAL: "CENTRAL",
    IdTokenType.EMAID: "EVCOID",
    IdTokenType.ISO14443: "ISO14443",
    IdTokenType.ISO15693: "ISO15693",
    IdTokenType.KEY_CODE: "KEY_CODE",
    IdTokenType.LOCAL: "LOCAL",
}
"""OCMF's IT; a token of another type is nobody that OCMF can name."""
_CARDS = frozenset({IdTokenType.ISO14443, IdTokenType.ISO15693})
_ACTIVE = frozenset({SessionState.SUSPENDED_EVSE, SessionState.SUSPENDED_EV, SessionState.CHARGING})


@dataclass(frozen=True, slots=True)
class SigningTerms:
    """What a record says beside who charged."""

    charge_point_id: str
    """OCMF's CI: charge box identity and connector number."""
    tariff_text: str = ""


class Phase(Enum):
    """What has been asked of the meter and answered."""

    NONE = auto()
    STARTING = auto()
    BEGUN = auto()
    ENDING = auto()
    ENDED = auto()


class SignedTransaction:
    """Begin and end of one authorisation; `number` tells late answers of an earlier one apart."""

    def __init__(self, terms: SigningTerms | None, restored: TransactionState | None = None) -> None:
        self.number = 0
        self.begin = restored.signed_begin if restored is not None else None
        self.end: SignedRecord | None = None
        self.phase = Phase.NONE if self.begin is None else Phase.BEGUN
        self._terms = terms
        self._may_be_open = restored is not None

    @property
    def permits_power(self) -> bool:
        """True once the begin is signed, or where none has to be."""
        return self._terms is None or self.begin is not None

    @property
    def is_settled(self) -> bool:
        """True if no signature is waited for any more at the end."""
        return self._terms is None or self.phase in {Phase.NONE, Phase.ENDED}

    def asks(
        self, state: SessionState, recorder: TransactionRecorder, id_token: IdToken | None, now: datetime
    ) -> list[StartSigning | StopSigning]:
        """Return what the meter has to be asked in this state, once."""
        if self._terms is None or not (self._starts(state) or self._stops(state)):
            return []
        stored = recorder.state
        whose = id_token or (stored.id_token if stored is not None else None)
        transaction_id, since = (stored.transaction_id, stored.started_at) if stored is not None else ("", now)
        request = signing_request(transaction_id, self._terms, whose)
        if self._starts(state):
            self.phase = Phase.STARTING
            self.number += 1
            return [StartSigning(self.number, request, since)]
        self.phase = Phase.ENDING
        return [StopSigning(self.number, request, since, self.begin)]

    def _starts(self, state: SessionState) -> bool:
        return state in _ACTIVE and self.phase is Phase.NONE

    def _stops(self, state: SessionState) -> bool:
        is_open = self.phase in {Phase.STARTING, Phase.BEGUN} or (self.phase is Phase.NONE and self._may_be_open)
        return state is SessionState.READING_METER and is_open

    def answered(self, event: SigningBegan | SigningEnded) -> None:
        """Take a record, unless it is an earlier authorisation's; an end without one: the meter gave none."""
        if event.number != self.number:
            return
        if isinstance(event, SigningBegan) and self.phase is Phase.STARTING:
            self.begin, self.phase = event.record, Phase.BEGUN
        if isinstance(event, SigningEnded) and self.phase is Phase.ENDING:
            self.end, self.phase = event.record, Phase.ENDED

    def close(self) -> None:
        """Forget everything: the authorisation has ended."""
        self.begin = self.end = None
        self.phase, self._may_be_open = Phase.NONE, False


def signing_request(transaction_id: str, terms: SigningTerms, id_token: IdToken | None) -> SigningRequest:
    """Tell the meter for whom it signs."""
    kind = None if id_token is None else _IDENTIFICATION_TYPES.get(id_token.token_type)
    if id_token is None or kind is None:
        return SigningRequest(transaction_id, "NONE", "", terms.charge_point_id, tariff_text=terms.tariff_text)
    flags = ("RFID_PLAIN",) if id_token.token_type in _CARDS else ()
    return SigningRequest(transaction_id, kind, id_token.value, terms.charge_point_id, flags, terms.tariff_text)
