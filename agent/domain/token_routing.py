"""Which EVSE a token, or a remote start that names none, is meant for."""

from collections.abc import Iterable, Sequence
from typing import Final

from agent.domain.charging_session import ChargingSession
from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken

_START_PREFERENCE: Final = (SessionState.AWAITING_AUTHORIZATION, SessionState.FINISHING, SessionState.AVAILABLE)


def choose_evse_for_token(sessions: Sequence[ChargingSession], id_token: IdToken) -> int | None:
    """Where this token started something it stops it; else the car that waits, the latest first; else anywhere free.

    With a single EVSE at the reader it goes there in any case, so that a refusal is shown.
    """
    for session in sessions:
        if session.id_token is not None and session.id_token.same_as(id_token):
            return session.recorder.evse_id
    chosen = choose_evse_for_start(sessions)
    if chosen is not None:
        return chosen
    busy = [session for session in sessions if session.id_token is not None]
    candidates = sessions if len(sessions) == 1 else busy if len(busy) == 1 else []
    return candidates[0].recorder.evse_id if candidates else None


def choose_evse_for_start(sessions: Iterable[ChargingSession]) -> int | None:
    """Return the EVSE where a new authorisation is of most use; None if there is none."""
    candidates = [session for session in sessions if session.state in _START_PREFERENCE]
    if not candidates:
        return None
    return min(
        candidates, key=lambda session: (_START_PREFERENCE.index(session.state), -session.plugged_at_s)
    ).recorder.evse_id
