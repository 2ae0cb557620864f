"""The composition: every object of the agent is built and wired here, and nowhere else."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from transitions import Machine

from agent.adapters import AdapterParts, build_adapter
from agent.clock import boot_id
from agent.config import AgentConfig, EvseConfig
from agent.csms.adapter import Adapter
from agent.csms.client import CsmsClient
from agent.csms.configured import security_of, timing_of
from agent.csms.connection import Dialler, Endpoint, WebsocketDialler
from agent.csms.frame_log import FrameLog, FrameSink, NoFrameLog
from agent.csms.link_variables import ModelTiming
from agent.csms.security.station_security import StationSecurity
from agent.csms.security.vocabulary import CertificateUse
from agent.domain.availability import Availability
from agent.domain.charging_session import ChargingSession
from agent.domain.evse_memory import EvseMemory
from agent.domain.session_context import SessionRules
from agent.domain.session_machine import session_machine
from agent.domain.signed_transaction import SigningTerms
from agent.domain.transaction import TransactionState
from agent.domain.variable import VariableKey
from agent.domain.vocabulary import IdToken, IdTokenType, StoppedReason, TriggerReason
from agent.file_assembly import FRAME_LOG_NAME, FilesOutside, build_file_jobs
from agent.guarding import grid_contacts, guard_settings, wiring_of
from agent.hardware import EvseHardware, Hardware, ReaderHardware
from agent.presets import build_device_model, limit_sources, sharing_of
from agent.station.authorizer import Authorizer
from agent.station.charging_profiles import ChargingProfiles
from agent.station.charging_station import ChargingStation
from agent.station.event_ids import EventIds
from agent.station.evse import Evse
from agent.station.exhaustion import Room
from agent.station.guard import Guard
from agent.station.install_site import StationAsInstallSite
from agent.station.journal import Journal
from agent.station.limit_planner import LimitPlanner
from agent.station.metering import Metering
from agent.station.reservation_desk import ReservationDesk
from agent.station.security_watch import SecurityWatch
from agent.station.signing import Signing
from agent.station.station_clock import StationClock
from agent.station.station_parts import StationParts
from agent.station.surroundings import EvseDevices, EvseTiming
from agent.store import availability, boot_history, evse_memory, unset_clock, variables
from agent.store.database import Database
from agent.store.errors import StoreError
from hal.panel import CardPresented
from hal.value import dataclass

logger = logging.getLogger(__name__)

DATABASE_NAME = "station.sqlite"
CARDS_REST_S = 3.0
BOARDS_FIRST_S = 0.25
"""BootNotification waits so long for boards: one that was just switched on takes seconds to answer."""
COMMANDED_S = 0.005
"""From a board's first answer to the first command to it."""


@dataclass(frozen=True, slots=True)
class Surfaces:
    """What stands between the agent and the world, replaceable for virtual time."""

    database: Database
    dial: Dialler | None = None
    timing: EvseTiming | None = None
    room: Callable[[], Room] | None = None


class Agent:
    """One running station."""

    def __init__(
        self,
        config: AgentConfig,
        hardware: Hardware,
        clock: StationClock,
        surfaces: Surfaces,
        restart: Callable[[], None],
    ) -> None:
        self._config = config
        self._hardware = hardware
        self._clock = clock
        self._surfaces = surfaces
        self._restart = restart
        self._database = surfaces.database
        self._frames: FrameSink = NoFrameLog()
        self.device_model = build_device_model(config)
        self.journal = Journal(self._database, clock)
        self.security_watch = SecurityWatch(
            self._database, config.station.state_dir, self.journal, clock, surfaces.room
        )
        self.charging_profiles = ChargingProfiles(
            self._database, clock, wiring_of(config, _board_limits_a(hardware)), config.station.supply_max_current_a
        )
        self.station: ChargingStation
        self.client: CsmsClient
        self.security: StationSecurity
        self._files = build_file_jobs(config, self._database, self.journal, clock, self._outside_of_files())
        self._boot_reason = boot_history.POWER_UP
        self._boards_steered = asyncio.Event()
        self._memories: dict[int, EvseMemory] = {}
        self._event_ids = EventIds(evse_memory.EVENT_NUMBERS, self._reserve_events)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the store and build everything from what it holds. Raises: StoreError."""
        await self._database.open()
        await self.journal.open()
        stored = await self._database.run(variables.load)
        self.device_model.load([(str(key), value) for key, value in stored.items()])
        self.device_model.on_written(self._keep_variable)
        operative = Availability(self._hardware.evses, await self._database.run(availability.load))
        self._memories = await self._database.run(
            lambda connection: evse_memory.load_all(connection, tuple(self._hardware.evses))
        )
        self._event_ids.start(await self._database.run(evse_memory.reserve_events))
        self._boot_reason = await self._database.run(
            lambda connection: boot_history.take_boot_reason(connection, boot_history.this_boot_id())
        )
        unset = partial(unset_clock.known_or_kept, self._clock.keeper.unset_began, boot_history.this_boot_id())
        self._clock.keeper.unset_began = await self._database.run(unset)
        await self.security_watch.open(self.device_model, self._config.station.firmware_version)
        authorizer = Authorizer(self._database, self.device_model, self._clock)
        await authorizer.open()
        await self.charging_profiles.open()
        reservations = ReservationDesk(self._database, self._clock)
        await reservations.open()
        await self._files.open()
        operative.held = self._files.holds
        if self._config.csms.frame_log:
            self._frames = FrameLog(
                self._config.station.state_dir / FRAME_LOG_NAME, utc_offset_s=lambda: _offset_s(self._clock)
            )
        self._build(operative, authorizer, reservations)

    def _build(self, operative: Availability, authorizer: Authorizer, reservations: ReservationDesk) -> None:
        config = self._config
        self.security = self._security()
        base_timing = timing_of(config.csms, learn_utc=config.station.clock_source != "system")
        self.client = CsmsClient(
            self.security,
            {version: partial(self._adapter, version) for version in config.csms.ocpp_versions},
            self.journal,
            self.security_watch.clock,
            deauthorize=self._deauthorize,
            on_authorization=authorizer.learn,
            timing=ModelTiming(self.device_model, base_timing),
            frames=self._frames,
            ready=self._boards_steered.wait,
            dated=self._clock.dated,
        )
        self.client.link.on_incident = self.security_watch.events.raise_event
        limits = LimitPlanner(self.charging_profiles.order, limit_sources(config.limits), self._clock)
        parts = StationParts(
            self.device_model,
            self.journal,
            authorizer,
            operative,
            self.charging_profiles,
            self._clock,
            self._keep_availability,
            self._restart_announced,
            reservations,
            self._files,
            self.security_watch.events,
            limits,
            sharing_of(config),
        )
        limits.open()
        self.station = ChargingStation(parts, self.client.back_end, config.station.supply_max_current_a)
        self._files.attach(StationAsInstallSite(self.station, operative, self._restart_announced))
        machine = session_machine()
        self.station.add(
            [self._evse(evse_id, hardware, machine, operative) for evse_id, hardware in self._hardware.evses.items()]
        )

    def _security(self) -> StationSecurity:
        def dial(endpoint: Endpoint) -> Dialler:
            return self._surfaces.dial or WebsocketDialler(endpoint, ping_interval_s=self._ping_interval_s)

        security = security_of(
            self._config,
            self.device_model,
            lambda: self._clock.now().utc,
            dial=dial,
            send_signing_request=self._send_signing_request,
            raise_security_event=self.security_watch.events.raise_named,
        )
        security.open()
        security.access.is_idle = lambda: not self.station.open_transactions() and not self.journal.has_queued()
        security.access.unsettled_owners = self.journal.unsettled_owners
        return security

    async def _send_signing_request(self, csr: str) -> None:
        await self.client.send_signing_request(csr)

    def _outside_of_files(self) -> FilesOutside:
        return FilesOutside(
            self._documents,
            self.security_watch.events.folder,
            lambda: self.security.roots.files(CertificateUse.MANUFACTURER_ROOT),
            self.security_watch.events.raise_named,
        )

    def _documents(self) -> dict[str, str]:
        from agent.diagnostics import documents  # noqa: PLC0415 - only when somebody asks for them

        return documents(self._config, self.station, self.journal, self._clock)

    def _ping_interval_s(self) -> float:
        return float(self.device_model.integer("OCPPCommCtrlr", "WebSocketPingInterval"))

    def _evse(self, evse_id: int, hardware: EvseHardware, machine: Machine, operative: Availability) -> Evse:
        evse_config = next(evse for evse in self._config.evse if evse.id == evse_id)
        last = self.journal.last_register(evse_id)
        if last is not None:
            hardware.meter.restore_total(last.register_wh)
        restored = self._restored(evse_id)
        session = ChargingSession(
            evse_id,
            self._session_rules(evse_config),
            machine,
            restored=restored,
            last_register_wh=last.register_wh if last else None,
            operative=operative.operative(evse_id),
        )
        if restored is not None:
            session.recorder.kept = self.journal.kept_samples(restored.transaction_id)
        self.device_model.provide(VariableKey("EVSE", "Power", evse_id=evse_id), lambda: _power_w(session))
        key = VariableKey("TxCtrlr", "EVConnectionTimeOut")
        self.device_model.watch(key, lambda text: _set_connection_timeout(session, text))
        devices = EvseDevices(
            hardware.board,
            Metering(
                evse_id,
                hardware.meter,
                poll_interval_s=evse_config.meter.poll_interval_s,
                fail_on_error=evse_config.meter.fail_on_error,
            ),
            max_current_a=evse_config.max_current_a,
            lock=hardware.lock,
            indicator=hardware.indicator,
            signing=self._signing(evse_config, hardware, restored),
            guard=Guard(
                evse_id, self._event_ids.next, guard_settings(evse_config), self._memories.get(evse_id, EvseMemory())
            ),
        )
        return self.station.evse(session, devices, self._surfaces.timing)

    def _restored(self, evse_id: int) -> TransactionState | None:
        try:
            return self.journal.open_transaction(evse_id, TransactionState)
        except StoreError:
            # Its facts are in the journal and will be sent; only the end of it is missing, which somebody must settle.
            logger.exception("open transaction cannot be read, it stays without an end evse=%d", evse_id)
            return None

    def _signing(self, evse: EvseConfig, hardware: EvseHardware, restored: TransactionState | None) -> Signing | None:
        if hardware.signed_meter is None:
            return None
        serial_number = evse.meter.serial
        has_begun = restored is not None and restored.id_token is not None
        return Signing(evse.id, hardware.signed_meter, self._clock, serial_number=serial_number, has_begun=has_begun)

    def _session_rules(self, evse: EvseConfig) -> SessionRules:
        authorization = self._config.authorization
        free = IdToken(authorization.free_vend_token or "FREE", IdTokenType.LOCAL)
        return SessionRules(
            connection_timeout_s=self.device_model.integer("TxCtrlr", "EVConnectionTimeOut"),
            free_vend=free if authorization.free_vend else None,
            has_lock=evse.io is not None and evse.io.lock_coil is not None,
            needs_meter=evse.meter.fail_on_error,
            resume_after_power_loss=self._config.recovery.resume_after_power_loss,
            signing=SigningTerms(f"{self._config.csms.identity} {evse.id}", evse.meter.tariff_text or "")
            if evse.meter.signed
            else None,
            boot_id=boot_id(),
        )

    def _adapter(self, version: str) -> Adapter:
        about = self._config.station
        parts = (self.station, self.client, self.journal, self.security, self._clock, self._boot_reason)
        return build_adapter(version, AdapterParts(about, *parts))

    # ------------------------------------------------------------------ running

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then stop every session in order, flush and return."""
        try:
            async with asyncio.TaskGroup() as group:
                runners = [
                    self.station.run(),
                    self.journal.run(),
                    self._clock.run(),
                    self._put_boards_first(),
                    self.client.run(),
                    self.security_watch.run(),
                    *(runner.run() for runner in self._hardware.runners),
                    *(
                        each.run()
                        for each in grid_contacts(self._config, self._hardware.grid_contact, self.station.limits)
                    ),
                    *(self._read_cards(reader) for reader in self._hardware.readers),
                ]
                self._tasks = [group.create_task(runner) for runner in runners]
                await stop.wait()
                await self.station.stop_all(StoppedReason.REBOOT, TriggerReason.RESET_COMMAND)
                await self._rest_cards()
                for task in self._tasks:
                    task.cancel()
            await self.close()
        finally:
            if isinstance(self._frames, FrameLog):
                self._frames.close()

    async def _rest_cards(self) -> None:
        """Leave no motor of a lock driven: nobody would stop it."""
        cards = [hardware.card for hardware in self._hardware.evses.values() if hardware.card is not None]
        with suppress(TimeoutError):
            async with asyncio.timeout(CARDS_REST_S):
                await asyncio.gather(*(card.at_rest() for card in cards))

    async def _put_boards_first(self) -> None:
        """Hold BootNotification back until the boards have answered and been commanded; the link is made meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BOARDS_FIRST_S):
                await self.station.heard()
                await asyncio.sleep(COMMANDED_S)
        self._boards_steered.set()
        self.security_watch.announce_start(self._boot_reason, self._config.station.firmware_version)

    async def close(self) -> None:
        """Write what is left and close the store."""
        await self.security_watch.close()
        await self.journal.close()
        await self._database.close()

    async def _read_cards(self, hardware: ReaderHardware) -> None:
        def presented(card: CardPresented) -> None:
            self.station.card_presented(IdToken(card.uid, IdTokenType(card.token_type)), hardware.evse_ids)

        await hardware.reader.run(presented)

    async def _deauthorize(self, transaction_id: str) -> None:
        await self.station.deauthorize(transaction_id)

    def _restart_announced(self, reason: str) -> None:
        self._database.submit(lambda connection: boot_history.announce_restart(connection, reason), _log_failure)
        self._restart()

    # ------------------------------------------------------------------ persistence of what is commanded

    def _reserve_events(self) -> None:
        def failed(error: StoreError) -> None:
            _log_failure(error)
            self._event_ids.not_reserved()

        self._database.submit(evse_memory.reserve_events, failed)

    def _keep_variable(self, key: VariableKey, value: str) -> None:
        self._database.submit(lambda connection: variables.put(connection, key, value), _log_failure)

    def _keep_availability(self, evse_id: int, operative: bool) -> None:  # noqa: FBT001 - a callback
        self._database.submit(
            lambda connection: availability.put(connection, evse_id, operative=operative), _log_failure
        )


def _board_limits_a(hardware: Hardware) -> dict[int, float]:
    return {evse_id: evse.board.capabilities.max_current_a for evse_id, evse in hardware.evses.items()}


def _offset_s(clock: StationClock) -> float:
    """How far the station's UTC is ahead of the system's, s."""
    return (clock.now().utc - datetime.now(UTC)).total_seconds()


def _power_w(session: ChargingSession) -> str:
    """Power drawn at the last reading, W."""
    reading = session.recorder.last_reading
    return "0" if reading is None or reading.power_w is None else str(int(reading.power_w))


def _set_connection_timeout(session: ChargingSession, text: str) -> None:
    session.rules = replace(session.rules, connection_timeout_s=float(text))


def _log_failure(error: StoreError) -> None:
    logger.error("setting not stored error=%s", error)
