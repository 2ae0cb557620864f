"""Which back-end is dialled next, under which settings, and what the outcome means (rule).

Rules kept here:
* What is on trial is dialled first, some times; then what is known to work. Only when that connects is the trial
  refuted: while nothing connects, the network may be at fault, and nothing is given up.
* A back-end that does not connect under settled settings, some times, makes room for the next one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agent.csms.connection import Endpoint
from agent.csms.security.access_state import AccessState
from agent.csms.security.back_end_plan import MUTUAL_TLS, TLS, BackEndPlan
from agent.csms.security.own_certificate import KeyFiles
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often something is tried."""

    of_trial: int = 3
    of_back_end: int = 3


@dataclass(frozen=True, slots=True)
class Materials:
    """Certificates at hand."""

    own: KeyFiles | None = None
    own_on_trial: KeyFiles | None = None
    root_files: tuple[Path, ...] = ()
    """Settled CSMS roots."""
    root_files_on_trial: tuple[Path, ...] = ()
    only_root_files: bool = False
    """Nobody but the installed roots is trusted (AdditionalRootCertificateCheck)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dial."""

    place: int
    """Of the back-end in the order of priority."""
    endpoint: Endpoint
    security_profile: int
    is_trial: bool
    password_choice: int = 0


class DialPlan:
    """Counts attempts; `place` is the back-end of the last one."""

    def __init__(
        self,
        back_ends: Sequence[BackEndPlan],
        attempts: Attempts,
        state: Callable[[BackEndPlan], AccessState],
        materials: Callable[[], Materials],
    ) -> None:
        self.back_ends = back_ends
        self.attempts = attempts
        self.state = state
        self.materials = materials
        self.place = 0
        self.trial_failures = 0
        self.failures = 0
        self.last_trial_failure = ""

    @property
    def back_end(self) -> BackEndPlan:
        """The back-end in use or dialled last."""
        return self.back_ends[self.place]

    @property
    def security_profile(self) -> int:
        """The settled profile of the present back-end."""
        return self.profile_of(self.back_end)

    def profile_of(self, back_end: BackEndPlan) -> int:
        """The settled profile of a back-end."""
        settled = self.state(back_end).security_profile
        return back_end.security_profile if settled is None else settled

    def next(self) -> Attempt:
        """What is dialled next."""
        if self.trial_failures < self.attempts.of_trial and self.has_trial(self.place):
            return self._attempt(self.place, is_trial=True)
        return self._attempt(self.place, is_trial=False)

    def settled(self, place: int) -> Attempt:
        """An attempt at one back-end with what is known to work there."""
        return self._attempt(place, is_trial=False)

    def failed(self, attempt: Attempt, reason: str) -> None:
        """It did not lead to a back-end that takes this station."""
        if attempt.place != self.place:
            return
        if attempt.is_trial:
            self.trial_failures += 1
            self.last_trial_failure = reason
            return
        self.failures += 1
        if self.failures >= self.attempts.of_back_end:
            self.begin_round((self.place + 1) % len(self.back_ends))

    def registered(self, attempt: Attempt) -> bool:
        """It did; tells whether this refutes what is on trial."""
        refuted = not attempt.is_trial and self.trial_failures > 0 and self.has_trial(attempt.place)
        self.begin_round(attempt.place)
        return refuted

    def begin_round(self, place: int) -> None:
        """Begin anew with this back-end."""
        self.place = place
        self.trial_failures = self.failures = 0

    def has_trial(self, place: int) -> bool:
        """Tell whether something on trial would make a difference at this back-end."""
        back_end = self.back_ends[place]
        state, materials = self.state(back_end), self.materials()
        profile = self.profile_of(back_end) if state.trial_profile is None else state.trial_profile
        return (
            state.trial_profile is not None
            or (bool(state.trial_passwords) and profile in {1, 2})
            or (materials.own_on_trial is not None and profile == MUTUAL_TLS)
            or (bool(materials.root_files_on_trial) and profile in TLS)
        )

    def _attempt(self, place: int, *, is_trial: bool) -> Attempt:
        back_end = self.back_ends[place]
        state = self.state(back_end)
        profile = self.profile_of(back_end)
        password = back_end.endpoint.password if state.password is None else state.password.on_wire
        choice = 0
        if is_trial:
            profile = profile if state.trial_profile is None else state.trial_profile
            if state.trial_passwords:
                choice = self.trial_failures % len(state.trial_passwords)
                password = state.trial_passwords[choice].on_wire
        endpoint = self._with_certificates(back_end.under(profile, password), profile, is_trial=is_trial)
        return Attempt(place, endpoint, profile, is_trial, choice)

    def _with_certificates(self, endpoint: Endpoint, profile: int, *, is_trial: bool) -> Endpoint:
        materials = self.materials()
        roots = materials.root_files_on_trial if is_trial and materials.root_files_on_trial else materials.root_files
        endpoint = replace(endpoint, root_files=roots, only_root_files=materials.only_root_files and bool(roots))
        own = materials.own_on_trial if is_trial and materials.own_on_trial else materials.own
        if profile != MUTUAL_TLS or own is None:
            return endpoint
        return replace(endpoint, client_certificate_file=own.chain, client_key_file=own.key)
