"""The tables of the agent's configuration, each key declared once with its range, unit and meaning."""

from collections.abc import Mapping
from dataclasses import field, fields
from functools import partial
from pathlib import Path
from urllib.parse import quote

from agent.config_csms import ConnectionProfileConfig as ConnectionProfileConfig  # noqa: PLC0414 - one of the tables
from agent.config_csms import TokenConfig
from agent.config_errors import Origin
from agent.config_files import ConfigTree
from agent.config_guard import ContactorConfig, SupervisionConfig, TemperatureConfig
from agent.config_limits import LimitsConfig
from agent.config_schema import (
    Choice,
    FilePath,
    Flag,
    Listing,
    Number,
    SerialDevice,
    Text,
    free_table,
    setting,
    settings,
    table,
)
from agent.version import VERSION
from hal.serial_server import SerialServer

Scalar = str | int | float | bool
SerialDeviceName = Path | SerialServer

_BAUDRATES = Choice(1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_CAN_BITRATES = Choice(10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 1_000_000)
_PROTECTIONS = Choice("diode", "ventilation", "ground", "stuck_relay", "ground_fault_test", "temperature")
_NUMBER = Number(0, 65_535, whole=True)
_DAY_S = 86_400
_flag = partial(setting, Flag())


@settings
class StationConfig:
    """What the station is, and what it shares among its EVSEs."""

    vendor: str = setting(Text(50), "vendor name; at most 20 characters where OCPP 1.6 is offered")
    model: str = setting(Text(20), "model name")
    serial_number: str | None = setting(Text(25), "serial number of the station", default=None)
    firmware_version: str = setting(Text(50), "reported firmware version", default=VERSION)
    state_dir: Path = setting(FilePath(), "directory of the database", default=Path("/var/lib/pilotline"))
    supply_max_current_a: float = setting(Number(6, 2000, "A"), "supply shared by all EVSEs, per phase, A")
    supply_policy: str = setting(Choice("equal", "first_come", "configured"), "who gets the rest", default="equal")
    phases: int = setting(Choice(1, 3), "phases of the supply", default=3)
    time_zone: str = setting(Text(64, "an IANA time zone"), "zone for people; not shown anywhere yet", default="UTC")
    clock_source: str = setting(Choice("ranked", "csms", "system"), "who sets the agent's clock", default="ranked")
    clock_step_s: float = setting(Number(0, 3600, "s"), "smaller differences do not set the clock, s", default=2.0)


@settings
class CsmsConfig:
    """The back-end and how it is reached."""

    url: str = setting(Text(512, "a ws:// or wss:// URL"), "endpoint; the identity is appended, percent-encoded")
    identity: str = setting(Text(48, "an identity", forbidden=":"), "name of this station at the back-end")
    ocpp_versions: tuple[str, ...] = setting(
        Listing(Choice("1.6", "2.0.1", not_built=("2.1",)), min_items=1),
        "OCPP versions in order of preference",
        default=("2.0.1", "1.6"),
    )
    security_profile: int = setting(Choice(0, 1, 2, 3), "OCPP security profile; 0 only for 1.6", default=1)
    password: str | None = setting(Text(64, "a password"), "basic authentication", default=None, secret=True)
    password_file: Path | None = setting(FilePath(), "file that holds the password", default=None)
    ca_file: Path | None = setting(FilePath(), "PEM roots instead of the system's", default=None)
    client_certificate_file: Path | None = setting(FilePath(), "PEM chain for profile 3", default=None)
    client_key_file: Path | None = setting(FilePath(), "PEM key for profile 3", default=None)
    verify_csms_common_name: bool = _flag("check the back-end's name in its certificate", default=True)
    ping_interval_s: float = setting(Number(0, _DAY_S, "s"), "websocket ping; 0 = never", default=30.0)
    call_timeout_s: float = setting(
        Number(1, 600, "s"), "longest wait for an answer; some back-ends need over 30 s", default=35.0
    )
    reconnect_min_s: float = setting(Number(0.01, 3600, "s"), "first wait before reconnecting", default=1.0)
    reconnect_max_s: float = setting(Number(0.01, _DAY_S, "s"), "longest wait before reconnecting", default=120.0)
    reconnect_random_s: float = setting(Number(0, 3600, "s"), "random addition to each wait", default=5.0)
    message_attempts: int = setting(Number(1, 100, whole=True), "attempts for one transaction message", default=3)
    message_attempt_interval_s: float = setting(
        Number(0, _DAY_S, "s"), "wait after a failed attempt, times its number", default=60.0
    )
    frame_log: bool = _flag("log every OCPP frame, secrets masked", default=True)
    secure_url: str | None = setting(
        Text(512, "a wss:// URL"),
        "dialled once the profile was raised to 2 or 3; absent: url with wss://",
        default=None,
    )
    certificates_dir: Path | None = setting(
        FilePath(), "directory of installed certificates; absent: certificates in state_dir", default=None
    )
    station_key: str = setting(
        Choice("ecdsa", "rsa"), "key made for this station's certificate: P-256, or RSA of 2048 bits", default="ecdsa"
    )
    token: TokenConfig | None = table(TokenConfig, "PKCS#11 token of that key; absent: a file", default=None)
    renew_certificate_days: int = setting(
        Number(1, 365, "days", whole=True), "a new certificate is asked for so long before the end, days", default=30
    )
    authorization_key: str = setting(
        Choice("hex", "any"), "what an AuthorizationKey may be: hexadecimal, or also plain text", default="hex"
    )
    security_attempts: int = setting(
        Number(1, 100, whole=True), "tries with new security settings before the former ones", default=3
    )
    connect_attempts: int = setting(
        Number(2, 100, whole=True), "tries before the next back-end of connection_profiles", default=3
    )
    return_after_s: float = setting(
        Number(1, 30 * _DAY_S, "s"),
        "at a back-end of lower priority, time between tries of the higher ones",
        default=300.0,
    )
    switch_wait_s: float = setting(
        Number(0, 30 * _DAY_S, "s"), "how long going back to it waits for open transactions", default=3600.0
    )
    connection_profiles: tuple[ConnectionProfileConfig, ...] = table(
        ConnectionProfileConfig, "further back-ends, by priority", default=()
    )

    @property
    def endpoint(self) -> str:
        """The URL to connect to."""
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"


@settings
class AuthorizationConfig:
    """Who may charge, and for how long an authorisation waits for a car."""

    connection_timeout_s: float = setting(Number(1, _DAY_S, "s"), "authorised, not plugged in, s", default=60.0)
    free_vend: bool = _flag("charge without a token", default=False)
    free_vend_token: str | None = setting(Text(20), "token reported for free vending", default=None)
    offline_unknown_token: str = setting(
        Choice("refuse", "accept"), "an unknown token while the back-end cannot be asked", default="refuse"
    )
    cache_enabled: bool = _flag("remember the back-end's answers", default=True)
    cache_lifetime_s: float | None = setting(
        Number(1, 366 * _DAY_S, "s"), "age at which an answer is forgotten; absent = 7 days", default=None
    )
    local_pre_authorize: bool = _flag("start on a remembered answer before asking", default=True)
    local_authorize_offline: bool = _flag("use remembered answers offline", default=True)
    stop_on_ev_side_disconnect: bool = _flag(
        "end the transaction when the cable leaves the EV; false is refused: not built", default=True
    )
    stop_on_invalid_id: bool = _flag("end the transaction when the back-end refuses its token", default=True)


@settings
class RecoveryConfig:
    """What happens after darkness."""

    resume_after_power_loss: bool = _flag("go on with a transaction although the board was dark too", default=False)


@settings
class FirmwareConfig:
    """Firmware updates."""

    installer: str | None = setting(
        Choice("simulated", not_built=("updater",)),
        "who installs firmware; 'simulated' only with --bench",
        default=None,
    )
    roots_dir: Path | None = setting(
        FilePath(), "directory of the manufacturer's roots (.pem, .crt) and revocation lists (.crl)", default=None
    )


@settings
class TransferConfig:
    """Files to and from remote systems: firmware, diagnostics, logs."""

    ca_file: Path | None = setting(
        FilePath(), "PEM roots for https and ftps; absent = [csms] ca_file, else the system's", default=None
    )
    known_hosts_file: Path | None = setting(
        FilePath(), "host keys of sftp servers; absent = the first key seen is trusted and kept", default=None
    )
    stall_timeout_s: float = setting(Number(1, 3600, "s"), "nothing moved for so long: given up, s", default=30.0)
    max_download_bytes: int = setting(
        Number(1, 2**40, "bytes", whole=True), "largest file that is taken, bytes", default=2 * 1024**3
    )


@settings
class BoardConfig:
    """The board that owns pilot and contactor of one EVSE."""

    driver: str = setting(Choice("openevse", "safety", "modbus"), "protocol of the board")
    port: SerialDeviceName | None = setting(
        SerialDevice(), "serial device; absent only where `host` or `can_interface` stands for it", default=None
    )
    baudrate: int | None = setting(
        _BAUDRATES, "line speed, bit/s; absent = 115200, for modbus the profile's", default=None
    )
    can_interface: str | None = setting(
        Choice("slcan", "socketcan"), "CAN instead of a serial line: serial adapter, or network interface", default=None
    )
    can_channel: str | None = setting(
        Text(255, "a device or an interface"), "serial device of the adapter (slcan), or can0 (socketcan)", default=None
    )
    can_bitrate: int | None = setting(
        _CAN_BITRATES, "bit rate of the bus, bit/s; slcan only, the system sets a socketcan interface's", default=None
    )
    poll_interval_s: float | None = setting(
        Number(0.05, 10, "s"), "time between polls, s; absent = 1, for modbus 0.25", default=None
    )
    allow_protection_off: tuple[str, ...] = setting(
        Listing(_PROTECTIONS), "protections of the board that may be switched off", default=()
    )
    stored_current_a: int = setting(
        Number(0, 80, "A", whole=True),
        "offer that the board starts up with, stored in it once when it is new to this station, A; 0 = leave its own",
        default=6,
    )
    accept_host_loss: bool = _flag("use a board that does nothing when Linux falls silent", default=False)
    profile: str | None = setting(
        Text(64, "the name of a profile", forbidden="/."), "charge controller profile in hal/controllers", default=None
    )
    parity: str | None = setting(Choice("N", "E", "O"), "parity of the line; absent = the profile's", default=None)
    host: str | None = setting(Text(255, "a host name or address"), "host (TCP)", default=None)
    tcp_port: int | None = setting(Number(1, 65_535, whole=True), "TCP port; absent = the profile's", default=None)
    unit: int | None = setting(
        Number(1, 247, whole=True), "Modbus unit identifier; absent = the profile's", default=None
    )
    charging_point: int = setting(Number(1, 48, whole=True), "which one, where a controller has several", default=1)
    silence_limit_s: float = setting(Number(0.5, 60, "s"), "nothing heard for so long: the board is lost, s", default=5)
    firmware_min: str = setting(Text(11, "a version such as 0.2.0"), "oldest accepted firmware", default="0.2.0")
    firmware_max: str = setting(Text(11, "a version such as 0.5.255"), "newest accepted firmware", default="0.5.255")
    wakes_up: bool = _flag("wake an EV that sleeps under an offer, once", default=True)
    wake_up_after_s: float = setting(Number(10, 600, "s"), "in B with an offer before that, s", default=30)
    wake_up_f_s: float = setting(Number(3, 10, "s"), "state F of the wake-up, s", default=4)
    wake_up_x1_s: float = setting(Number(0.5, 3, "s"), "+12 V between F and the offer, s", default=0.75)

    @property
    def line_baudrate(self) -> int:
        """Line speed of a board that is no Modbus controller, bit/s."""
        return self.baudrate or 115_200

    @property
    def firmware_version_min(self) -> tuple[int, int, int]:
        """`firmware_min` as numbers."""
        return _version(self.firmware_min)

    @property
    def firmware_version_max(self) -> tuple[int, int, int]:
        """`firmware_max` as numbers."""
        return _version(self.firmware_max)


@settings
class MeterConfig:
    """The meter that measures what one EVSE delivers: on a serial line, or on TCP."""

    driver: str = setting(Choice("modbus"), "protocol of the meter")
    map: str = setting(Text(64, "the name of a register map", forbidden="/."), "register map in hal/meters")
    port: SerialDeviceName | None = setting(SerialDevice(), "serial device (RTU)", default=None)
    baudrate: int = setting(_BAUDRATES, "line speed, bit/s", default=9600)
    parity: str = setting(Choice("N", "E", "O"), "parity of the line", default="N")
    stopbits: int = setting(Choice(1, 2), "stop bits of the line", default=1)
    host: str | None = setting(Text(255, "a host name or address"), "host (TCP)", default=None)
    tcp_port: int = setting(Number(1, 65_535, whole=True), "TCP port", default=502)
    unit: int = setting(Number(1, 247, whole=True), "Modbus unit identifier", default=1)
    poll_interval_s: float = setting(Number(0.1, 3600, "s"), "time between readings, s", default=1.0)
    allow_coarse_register: bool = _flag("bill from a register with steps above 1 Wh", default=False)
    fail_on_error: bool = _flag("end a session, in order, when its meter fails", default=False)
    signed: bool = _flag("let the meter sign each transaction; without its signature there is no power", default=False)
    serial: str | None = setting(
        Text(32), "serial number of the registered meter, whose values alone are billed; absent = any", default=None
    )
    tariff_text: str | None = setting(Text(250), "tariff text that the meter signs along", default=None)


@settings
class IndicatorConfig:
    """Light, buzzer and display of one EVSE."""

    driver: str = setting(Choice("line"), "protocol of the indicator")
    port: SerialDeviceName | None = setting(SerialDevice(), "serial device; absent = only logged", default=None)
    baudrate: int = setting(_BAUDRATES, "line speed, bit/s", default=9600)


@settings
class IoConfig:
    """A card of relays and inputs at one EVSE; several EVSEs may share a card. Coils and inputs count from 0."""

    driver: str = setting(Choice("modbus"), "protocol of the card")
    port: SerialDeviceName | None = setting(SerialDevice(), "serial device (RTU)", default=None)
    baudrate: int = setting(_BAUDRATES, "line speed, bit/s", default=9600)
    parity: str = setting(Choice("N", "E", "O"), "parity of the line", default="N")
    stopbits: int = setting(Choice(1, 2), "stop bits of the line", default=1)
    host: str | None = setting(Text(255, "a host name or address"), "host (TCP)", default=None)
    tcp_port: int = setting(Number(1, 65_535, whole=True), "TCP port", default=502)
    unit: int = setting(Number(1, 247, whole=True), "Modbus unit identifier", default=1)
    poll_interval_s: float = setting(Number(0.02, 0.1, "s"), "time between looks at the inputs, s", default=0.08)
    lock_coil: int | None = setting(_NUMBER, "connector lock: motor towards locked", default=None)
    unlock_coil: int | None = setting(_NUMBER, "connector lock: motor towards unlocked", default=None)
    lock_input: int | None = setting(_NUMBER, "connector lock: on while locked", default=None)
    emergency_stop_input: int | None = setting(_NUMBER, "emergency stop or door contact", default=None)
    emergency_stop_normally_closed: bool = _flag(
        "the input is on while nobody has pressed, so that a broken wire counts as pressed", default=True
    )
    fan_coil: int | None = setting(_NUMBER, "ventilation fan for state D", default=None)
    fan_input: int | None = setting(_NUMBER, "on while the fan runs; absent = trust its coil", default=None)
    shunt_trip_coil: int | None = setting(_NUMBER, "shunt trip of the EVSE's breaker", default=None)
    shunt_trip_s: float = setting(Number(0.1, 10, "s"), "how long the shunt trip is driven, s", default=1.0)

    @property
    def coils(self) -> dict[str, int]:
        """Numbers of the coils in use, by key."""
        return self._numbers("_coil")

    @property
    def inputs(self) -> dict[str, int]:
        """Numbers of the inputs in use, by key."""
        return self._numbers("_input")

    def _numbers(self, ending: str) -> dict[str, int]:
        keys = (item.name for item in fields(self) if item.name.endswith(ending))
        return {key: number for key in keys if (number := getattr(self, key)) is not None}


@settings
class EvseConfig:
    """One EVSE with its one connector."""

    id: int = setting(Number(1, 99, whole=True), "number of the EVSE, 1 to N without gaps; also the 1.6 connectorId")
    connector_type: str = setting(
        Choice("cType1", "cType2", "sType2", "sType3", "s309-1P-16A", "s309-1P-32A", "s309-3P-16A", "s309-3P-32A"),
        "connector as OCPP 2.0.1 ConnectorEnumType names it: c = cable, s = socket",
        default="cType2",
    )
    max_current_a: float = setting(Number(6, 80, "A"), "what wiring and connector carry, per phase, A")
    phases: int = setting(Choice(1, 3), "connected phases", default=3)
    supply_weight: float = setting(Number(0.01, 100), "its part where supply_policy is 'configured'", default=1.0)
    board: BoardConfig = table(BoardConfig, "board of this EVSE")
    meter: MeterConfig = table(MeterConfig, "meter of this EVSE")
    indicator: IndicatorConfig | None = table(IndicatorConfig, "indicator of this EVSE", default=None)
    io: IoConfig | None = table(IoConfig, "card of relays and inputs of this EVSE", default=None)
    supervision: SupervisionConfig = table(SupervisionConfig, "supervision by the meter", default=SupervisionConfig())
    temperature: TemperatureConfig = table(TemperatureConfig, "derating", default=TemperatureConfig())
    contactor: ContactorConfig = table(ContactorConfig, "care of the contactor", default=ContactorConfig())


@settings
class ReaderConfig:
    """An RFID reader."""

    driver: str = setting(Choice("line", "pn532"), "protocol of the reader: one UID per line, or a PN532 (HSU)")
    port: SerialDeviceName = setting(SerialDevice(), "serial device")
    baudrate: int | None = setting(
        _BAUDRATES, "line speed, bit/s; absent = 9600 for line, 115200 for pn532", default=None
    )
    poll_interval_s: float = setting(Number(0.05, 1, "s"), "time between looks for a card, s", default=0.2)
    evses: tuple[int, ...] = setting(Listing(Number(1, 99, whole=True)), "EVSEs it serves; empty = all", default=())
    uid_case: str = setting(Choice("upper", "lower"), "case in which the UID is reported", default="upper")
    byte_order: str = setting(Choice("msb", "lsb"), "byte order in which the reader sends", default="msb")
    uid_lengths: tuple[int, ...] = setting(
        Listing(Number(1, 18, "bytes", whole=True), min_items=1), "accepted UID lengths, bytes", default=(4, 7, 10)
    )
    token_type: str = setting(Choice("ISO14443", "ISO15693"), "what the reader reads", default="ISO14443")

    @property
    def line_baudrate(self) -> int:
        """Line speed, bit/s."""
        return self.baudrate or (115_200 if self.driver == "pn532" else 9600)


@settings
class AgentConfig:
    """Everything the installer decided; `bench` says that unsafe shortcuts were allowed on the command line."""

    station: StationConfig = table(StationConfig, "the station")
    csms: CsmsConfig = table(CsmsConfig, "the back-end")
    authorization: AuthorizationConfig = table(AuthorizationConfig, "authorisation", default=AuthorizationConfig())
    limits: LimitsConfig = table(LimitsConfig, "limits beside charging profiles", default=LimitsConfig())
    recovery: RecoveryConfig = table(RecoveryConfig, "recovery", default=RecoveryConfig())
    variables: Mapping[str, Scalar] = free_table("first value of any OCPP 2.x variable, 'Component.Variable' = value")
    ocpp16_keys: Mapping[str, Scalar] = free_table("first value of any OCPP 1.6 key")
    firmware: FirmwareConfig = table(FirmwareConfig, "firmware updates", default=FirmwareConfig())
    transfer: TransferConfig = table(TransferConfig, "file transfers", default=TransferConfig())
    evse: tuple[EvseConfig, ...] = table(EvseConfig, "the EVSEs", default=())
    reader: tuple[ReaderConfig, ...] = table(ReaderConfig, "RFID readers", default=())
    bench: bool
    sources: ConfigTree = field(repr=False, compare=False)

    def origin(self, section: str, *path: str | int) -> Origin:
        """Where a key was written; list entries count from 0."""
        return self.sources.origin((section, *path))


def _version(text: str) -> tuple[int, int, int]:
    major, minor, build = map(int, text.split("."))
    return major, minor, build
