"""Values: how the CSMS answers one action; the script that says which answer is next.

A behaviour composes: an answer (accept, reject, payload, status, error, silence), when (delay, hold), how often and
under which id, and what becomes of the socket.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Self

ANY_ACTION = "*"


class Answer(Enum):
    """What is said."""

    ACCEPT = "accept"
    REJECT = "reject"
    ERROR = "error"
    SILENT = "silent"


class Drop(Enum):
    """When the socket goes."""

    BEFORE = "before"
    AFTER = "after"


class BehaviourError(ValueError):
    """A behaviour that cannot be meant: names the field."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to answer; the default is an accepting answer at once."""

    answer: Answer = Answer.ACCEPT
    payload: Mapping[str, Any] | None = None
    """Replaces the whole payload of the answer."""
    merge: Mapping[str, Any] | None = None
    """Fields laid over the default payload."""
    status: str | None = None
    """Replaces the answer's status, or that of its idTagInfo or idTokenInfo."""
    raw: bool = False
    """True: send the scripted payload even if the schema forbids it."""
    error_code: str = "InternalError"
    error_description: str = "scripted by the bench"
    delay_s: float = 0.0
    hold: bool = False
    """True: answer only after the next request has been answered."""
    copies: int = 1
    wrong_id: bool = False
    """True: answer under a message id that was never asked."""
    drop: Drop | None = None
    close_code: int | None = None
    """With `drop`: close with this code; without it the socket is cut without a close frame."""
    times: int | None = None
    """For how many requests it holds; None: until the script changes."""

    def __post_init__(self) -> None:
        if self.delay_s < 0:
            raise BehaviourError("delay_s must not be negative")
        if self.copies < 1:
            raise BehaviourError("copies must be at least 1; use answer=silent for none")
        if self.times is not None and self.times < 1:
            raise BehaviourError("times must be at least 1")

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Build from the control socket's JSON. Raises: BehaviourError for unknown fields and values."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise BehaviourError(f"unknown behaviour field {unknown[0]!r}; known: {', '.join(sorted(known))}")
        for name, value in given.items():
            if value is not None and not isinstance(value, _JSON_TYPES[name]):
                raise BehaviourError(f"{name} has the wrong type: {value!r:.40}")
        values = {name: value for name, value in given.items() if value is not None}
        try:
            if "answer" in values:
                values["answer"] = Answer(values["answer"])
            if "drop" in values:
                values["drop"] = Drop(values["drop"])
            return cls(**values)
        except ValueError as error:
            raise BehaviourError(str(error)) from error

    @classmethod
    def reject(cls, *, times: int | None = None) -> Self:
        """Answer with the refusing status of the action."""
        return cls(answer=Answer.REJECT, times=times)

    @classmethod
    def silent(cls, *, times: int | None = None) -> Self:
        """Never answer."""
        return cls(answer=Answer.SILENT, times=times)

    @classmethod
    def delayed(cls, delay_s: float, *, times: int | None = None) -> Self:
        """Answer after `delay_s`; later requests are answered meanwhile."""
        return cls(delay_s=delay_s, times=times)

    @classmethod
    def error(cls, code: str, description: str = "", *, times: int | None = None) -> Self:
        """Answer with a CALLERROR."""
        return cls(answer=Answer.ERROR, error_code=code, error_description=description, times=times)

    @classmethod
    def dropping(cls, when: Drop, *, close_code: int | None = None, times: int | None = None) -> Self:
        """Lose the socket before or after the answer."""
        return cls(drop=when, close_code=close_code, times=times)


ACCEPT = Behaviour()

_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("answer", "status", "error_code", "error_description", "drop"), str),
    **dict.fromkeys(("payload", "merge"), dict),
    **dict.fromkeys(("raw", "hold", "wrong_id"), bool),
    **dict.fromkeys(("copies", "close_code", "times"), int),
    "delay_s": (int, float),
}

Place = str | tuple[str, str]
"""An action, or (identity, action); the action may be `*`."""


class Script:
    """Which behaviour the next request meets: the most specific place that still has one, else ACCEPT."""

    def __init__(self) -> None:
        self._plans: dict[Place, deque[list[Any]]] = {}

    def __setitem__(self, place: Place, plan: Behaviour | list[Behaviour]) -> None:
        behaviours = plan if isinstance(plan, list) else [plan]
        self._plans[place] = deque([behaviour, behaviour.times] for behaviour in behaviours)

    def __delitem__(self, place: Place) -> None:
        self._plans.pop(place, None)

    def clear(self) -> None:
        """Accept everything again."""
        self._plans.clear()

    def take(self, identity: str, action: str) -> Behaviour:
        """Give the behaviour for this request and count it as used."""
        if not self._plans:
            return ACCEPT
        for place in ((identity, action), (identity, ANY_ACTION), action, ANY_ACTION):
            plan = self._plans.get(place)
            if plan:
                return _use(plan)
        return ACCEPT


def _use(plan: deque[list[Any]]) -> Behaviour:
    step = plan[0]
    behaviour: Behaviour = step[0]
    if step[1] is not None:
        step[1] -= 1
        if step[1] == 0:
            plan.popleft()
    return behaviour
