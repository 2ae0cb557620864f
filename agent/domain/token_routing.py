"""Which EVSE a token, or a remote start that names none, is meant for."""

from collections.abc import Iterable, Sequence
from typing import Final

from agent.domain.charging_session import ChargingSession
from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken

_START_PREFERENCE: Final = (SessionState.AWAITING_AUTHORIZATION, SessionState.FINISHING, SessionState.AVAILABLE)


def choose_evse_for_token(
    sessions: Sequence[ChargingSession], id_token: IdToken, group_token: IdToken | None = None
) -> int | None:
    """Where this token started something it stops it; else where it may start.

    With a single EVSE at the reader it goes there in any case, so that a refusal is shown.
    """
    for session in sessions:
        if session.id_token is not None and session.id_token.same_as(id_token):
            return session.recorder.evse_id
    chosen = choose_evse_for_start(sessions, id_token, group_token)
    if chosen is not None:
        return chosen
    busy = [session for session in sessions if session.id_token is not None]
    candidates = sessions if len(sessions) == 1 else busy if len(busy) == 1 else []
    return candidates[0].recorder.evse_id if candidates else None


def choose_evse_for_start(
    sessions: Iterable[ChargingSession], id_token: IdToken, group_token: IdToken | None = None
) -> int | None:
    """Return the EVSE where this token is of most use; None if there is none.

    What is reserved for it goes before a car that waits, the latest first; a free EVSE comes after; what is reserved
    for others comes last, so that the refusal is shown there.
    """

    def rank(session: ChargingSession) -> tuple[int, int, float]:
        reservations = session.reservations
        admitted = reservations.admits(id_token, group_token)
        kept = admitted and reservations.is_held
        return (0 if kept else 1 if admitted else 2), _START_PREFERENCE.index(session.state), -session.plugged_at_s

    candidates = [session for session in sessions if session.state in _START_PREFERENCE]
    return min(candidates, key=rank).recorder.evse_id if candidates else None
