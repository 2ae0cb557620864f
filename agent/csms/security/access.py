"""How this station reaches its back-ends: what is dialled, what is on trial, and the way back (runner).

The link asks for a connection and tells what became of it; `DialPlan` decides. What a back-end changes here is on disk
before it is answered, so that a power loss leaves the old way or the new one on trial.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.csms.connection import Connection, DialError, Dialler, Endpoint
from agent.csms.security import access_state
from agent.csms.security.access_state import AccessState, Password
from agent.csms.security.back_end_plan import BASIC_AUTHENTICATION, MUTUAL_TLS, TLS, BackEndPlan
from agent.csms.security.certificate_index import RootState
from agent.csms.security.dial_plan import Attempt, Attempts, DialPlan, Materials
from agent.csms.security.own_certificate import OwnCertificate
from agent.csms.security.root_store import RootStore
from agent.csms.security.vocabulary import FAILED_TO_AUTHENTICATE, RECONFIGURED, CertificateUse, RaiseSecurityEvent
from agent.csms.tls import anchor_of
from agent.domain.delivery import owner_name, same_owner
from agent.store.private_files import make_private_directory, write_private
from hal.together import together
from hal.value import dataclass

logger = logging.getLogger(__name__)

STATE_FILE = "access.json"
_LOOK_S = 1.0
_CLOSE_S = 3.0


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What the installer decided."""

    attempts: Attempts = Attempts()
    return_after_s: float = 300.0
    """How long after a change to a back-end of lower priority the higher ones are tried again."""
    switch_wait_s: float = 3600.0
    """How long such a change back waits for open transactions."""
    hex_key_alone: bool = True
    """An AuthorizationKey that is not hexadecimal is refused."""
    only_installed_roots: bool = False


class Access:
    """Implements `Dialler` for the link."""

    def __init__(
        self,
        back_ends: Sequence[BackEndPlan],
        directory: Path,
        dial: Callable[[Endpoint], Dialler],
        *,
        own: OwnCertificate,
        roots: RootStore,
        raise_security_event: RaiseSecurityEvent,
        policy: AccessPolicy,
    ) -> None:
        self._back_ends = back_ends
        self._directory = directory
        self._dial = dial
        self._own = own
        self._roots = roots
        self._raise = raise_security_event
        self._policy = policy
        self._states: dict[str, AccessState] = {}
        self._plan = DialPlan(back_ends, policy.attempts, self._state, self._materials)
        self._attempt: Attempt | None = None
        self._prepared: tuple[Attempt, Connection] | None = None
        self._outcomes: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._on_lower = asyncio.Event()
        self._anchor: str | None = None
        roots.anchor = lambda: self._anchor
        self.redial: Callable[[str], None] = lambda _reason: None
        """Ends the present connection, if there is one, and dials at once."""
        self.is_idle: Callable[[], bool] = lambda: True
        """Nothing is open or queued that a change of back-end would tear apart."""
        self.unsettled_owners: Callable[[], Collection[str]] = tuple
        """To whom transactions belong that are open or not told to the end."""

    def open(self) -> None:
        """Read what was changed before; what was changed over another configuration is dropped."""
        path = self._directory / STATE_FILE
        try:
            stored = access_state.from_json(path.read_text("utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            logger.error("access settings cannot be read, the configured ones are used error=%s", error)  # noqa: TRY400 - the file's
            return
        for back_end in self._back_ends:
            state = stored.get(back_end.name)
            if state is not None and state.basis == back_end.basis:
                self._states[back_end.name] = state
            elif state is not None:
                logger.warning("access settings of %s dropped: the configuration has changed since", back_end.name)

    async def run(self) -> None:
        """Keep outcomes, and go back to better back-ends; returns only on cancellation."""
        await together(self._keep_outcomes(), self._return_to_better())

    # ------------------------------------------------------------------ for the link

    @property
    def owner(self) -> str:
        """The name under which transactions belong to the present back-end."""
        return self._plan.back_end.owner

    @property
    def security_profile(self) -> int:
        """The settled profile of the present back-end."""
        return self._plan.security_profile

    async def __call__(self, subprotocols: Sequence[str]) -> Connection:
        """Connect to whoever is next. Raises: DialError."""
        if self._prepared is not None:
            (self._attempt, connection), self._prepared = self._prepared, None
            self._plan.begin_round(self._attempt.place)
            return connection
        self._attempt = attempt = self._plan.next()
        return await self._connect(attempt, subprotocols)

    def registered(self) -> None:
        """The back-end has taken this station over the present connection."""
        attempt = self._attempt
        if attempt is None:
            return
        refuted = self._plan.registered(attempt)
        if attempt.is_trial:
            self._outcomes.put_nowait(lambda: self._settle(attempt))
        elif refuted:
            self._outcomes.put_nowait(lambda: self._fall_back(attempt, self._plan.last_trial_failure))
        self._on_lower.set() if attempt.place > 0 else self._on_lower.clear()

    def failed(self, reason: str) -> None:
        """A dial, or a connection over which the back-end never took this station, has ended."""
        if self._attempt is not None:
            before = self._plan.place
            self._plan.failed(self._attempt, reason)
            if self._plan.place != before:
                logger.warning("back-end %s does not connect, trying %s", self._name(before), self._plan.back_end.name)

    # ------------------------------------------------------------------ what a back-end changes

    async def change_security_profile(self, profile: int) -> str | None:
        """Put a higher profile on trial; returns why not, None if it is. Source: white paper, A05. Raises: OSError."""
        present = self.security_profile
        if profile == present:
            return None
        if profile < present:
            return f"it is lower than the present one, {present}"
        missing = self._missing_for(profile)
        if missing is not None:
            return missing
        await self._change(replace(self._state(self._plan.back_end), trial_profile=profile))
        return None

    async def change_authorization_key(self, key: str) -> str | None:
        """Put a password on trial; returns why not, None if it is. Source: white paper, A01. Raises: OSError."""
        passwords = access_state.read_authorization_key(key, hex_alone=self._policy.hex_key_alone)
        if not passwords:
            return "it is not 32 to 40 hexadecimal digits, two for a byte"
        await self._change(replace(self._state(self._plan.back_end), trial_passwords=passwords))
        return None

    def try_now(self) -> None:
        """Connect anew, with what is on trial."""
        if self._plan.has_trial(self._plan.place):
            self.redial("new security settings are tried")

    @property
    def uses_certificate(self) -> bool:
        """True if the station connects with a client certificate."""
        return self.security_profile == MUTUAL_TLS

    # ------------------------------------------------------------------ private

    def _name(self, place: int) -> str:
        return self._back_ends[place].name

    def _state(self, back_end: BackEndPlan) -> AccessState:
        return self._states.get(back_end.name) or AccessState()

    def _materials(self) -> Materials:
        return Materials(
            own=self._own.in_use,
            own_on_trial=self._own.on_trial,
            root_files=self._roots.files(CertificateUse.CSMS_ROOT, RootState.ACTIVE),
            root_files_on_trial=self._roots.files(CertificateUse.CSMS_ROOT, RootState.TRIAL),
            only_root_files=self._policy.only_installed_roots,
        )

    def _missing_for(self, profile: int) -> str | None:
        plan = self._plan.back_end
        state, materials = self._state(plan), self._materials()
        has_password = plan.endpoint.password is not None or state.password is not None or state.trial_passwords
        if profile in BASIC_AUTHENTICATION and not has_password:
            return f"profile {profile} needs a password, and there is no AuthorizationKey"
        if profile in TLS and plan.endpoint.ca_file is None and not materials.root_files:
            return f"profile {profile} needs a root of the back-end, and no CentralSystemRootCertificate is installed"
        has_certificate = plan.endpoint.client_certificate_file or materials.own or materials.own_on_trial
        if profile == MUTUAL_TLS and not has_certificate:
            return "profile 3 needs a certificate of this station, and none was signed"
        return None

    async def _connect(self, attempt: Attempt, subprotocols: Sequence[str]) -> Connection:
        back_end = self._back_ends[attempt.place]
        offered = self._offered(back_end, [each for each in back_end.subprotocols if each in subprotocols])
        if attempt.security_profile == MUTUAL_TLS and attempt.endpoint.client_certificate_file is None:
            raise DialError(
                f"cannot connect to {attempt.endpoint.full_url}: profile 3 needs a certificate, there is none"
            )
        connection = await self._dial(attempt.endpoint)(offered)
        transport = getattr(connection, "transport", None)
        self._anchor = None if transport is None else anchor_of(transport.get_extra_info("ssl_object"))
        return connection

    def _offered(self, back_end: BackEndPlan, subprotocols: list[str]) -> list[str]:
        """Offer the version of transactions that are not over there alone; before all is lost, every version."""
        if self._plan.failures >= self._policy.attempts.of_back_end - 1:
            return subprotocols
        owners = self.unsettled_owners()
        bound = [
            each
            for each in subprotocols
            if any(same_owner(owner, owner_name(back_end.owner, each)) for owner in owners)
        ]
        return bound or subprotocols

    async def _change(self, state: AccessState) -> None:
        """Keep a state on disk, then in memory. Raises: OSError."""
        back_end = self._plan.back_end
        state = replace(state, basis=back_end.basis)
        await self._write({**self._states, back_end.name: state})
        self._states[back_end.name] = state
        self._plan.trial_failures = 0

    async def _write(self, states: dict[str, AccessState]) -> None:
        text = access_state.to_json(states).encode()

        def write() -> None:
            make_private_directory(self._directory)
            write_private(self._directory / STATE_FILE, text)

        await asyncio.to_thread(write)

    async def _keep_outcomes(self) -> None:
        while True:
            outcome = await self._outcomes.get()
            try:
                await outcome()
            except OSError as error:
                logger.error("outcome of a trial not stored error=%s", error)  # noqa: TRY400 - the disk's

    async def _settle(self, attempt: Attempt) -> None:
        """What was tried works: it is what counts from now on."""
        back_end = self._back_ends[attempt.place]
        state = self._state(back_end)
        changed = []
        if state.on_trial:
            new = state
            if state.trial_profile is not None:
                changed.append(f"SecurityProfile {state.trial_profile}")
                new = replace(new, security_profile=state.trial_profile, trial_profile=None)
            if state.trial_passwords and attempt.security_profile in BASIC_AUTHENTICATION:
                changed.append("AuthorizationKey")
                password: Password = state.trial_passwords[attempt.password_choice]
                new = replace(new, password=password, trial_passwords=())
            await self._keep(back_end, new)
        if self._own.on_trial is not None and attempt.security_profile == MUTUAL_TLS:
            changed.append("certificate of this station")
            await self._own.end_trial(good=True)
        if self._roots.on_trial and attempt.security_profile in TLS:
            changed.append("CentralSystemRootCertificate")
            await self._roots.end_trial(good=True)
        logger.info("security settings settled back_end=%s settings=%s", back_end.name, ", ".join(changed))
        self._raise(RECONFIGURED, ", ".join(changed)[:255])

    async def _fall_back(self, attempt: Attempt, reason: str) -> None:
        """What was tried does not work, and what was used before does."""
        back_end = self._back_ends[attempt.place]
        logger.error("security settings refuted, the former ones are used again reason=%s", reason)
        await self._keep(back_end, replace(self._state(back_end), trial_profile=None, trial_passwords=()))
        if self._own.on_trial is not None and attempt.security_profile == MUTUAL_TLS:
            await self._own.end_trial(good=False)
        if self._roots.on_trial and attempt.security_profile in TLS:
            await self._roots.end_trial(good=False)
        self._raise(FAILED_TO_AUTHENTICATE, f"fell back to the former settings: {reason}"[:255])

    async def _keep(self, back_end: BackEndPlan, state: AccessState) -> None:
        self._states[back_end.name] = replace(state, basis=back_end.basis)
        await self._write(self._states)

    async def _return_to_better(self) -> None:
        while True:
            await self._on_lower.wait()
            await asyncio.sleep(self._policy.return_after_s)
            if not self._on_lower.is_set():
                continue
            await self._until_idle()
            await self._prepare_better()

    async def _until_idle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._policy.switch_wait_s):
                while not self.is_idle():  # noqa: ASYNC110 - made of two foreign states that tell no changes
                    await asyncio.sleep(_LOOK_S)

    async def _prepare_better(self) -> None:
        """Connect to a back-end of higher priority; only then is the present connection given up."""
        for place in range(self._plan.place):
            attempt = self._plan.settled(place)
            try:
                connection = await self._connect(attempt, self._back_ends[place].subprotocols)
            except DialError as error:
                logger.info("still at %s: %s", self._plan.back_end.name, error)
                continue
            self._prepared = attempt, connection
            self.redial(f"{self._name(place)} of higher priority is back")
            return
