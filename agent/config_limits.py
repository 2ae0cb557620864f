"""The tables of who limits the station beside charging profiles."""

from pathlib import Path

from agent.config_schema import Choice, Number, SerialDevice, Text, setting, settings, table
from hal.serial_server import SerialServer

_BAUDRATES = Choice(1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


@settings
class LimitSourceConfig:
    """A source of limits for the whole station, beside charging profiles."""

    heartbeat_timeout_s: float = setting(
        Number(0, 86_400, "s"), "silent for so long: the fail-safe holds, s; 0 = what it said holds", default=60.0
    )
    fail_safe_current_a: float = setting(
        Number(0, 2000, "A"), "holds until it has spoken, and when it is silent, per phase, A", default=6.0
    )


@settings
class GridContactConfig:
    """The grid operator's contact at an input of a Modbus card, which may be an EVSE's as well."""

    port: Path | SerialServer | None = setting(SerialDevice(), "serial device (RTU)", default=None)
    baudrate: int = setting(_BAUDRATES, "line speed, bit/s", default=9600)
    parity: str = setting(Choice("N", "E", "O"), "parity of the line", default="N")
    stopbits: int = setting(Choice(1, 2), "stop bits of the line", default=1)
    host: str | None = setting(Text(255, "a host name or address"), "host (TCP)", default=None)
    tcp_port: int = setting(Number(1, 65_535, whole=True), "TCP port", default=502)
    unit: int = setting(Number(1, 247, whole=True), "Modbus unit identifier", default=1)
    input: int = setting(Number(0, 65_535, whole=True), "number of the input, from 0 on")
    limits_when: str = setting(
        Choice("closed", "open"), "the contact that limits; open = a broken wire limits too", default="closed"
    )
    limit_current_a: float = setting(Number(0, 2000, "A"), "while it limits, per phase, for all EVSEs together, A")


@settings
class GridOperatorConfig:
    """The grid operator's box."""

    heartbeat_timeout_s: float = setting(
        Number(1, 86_400, "s"), "contact not read for so long: the fail-safe holds, s", default=60.0
    )
    fail_safe_current_a: float = setting(
        Number(0, 2000, "A"), "holds until it was read, and when it cannot be, per phase, A", default=6.0
    )
    contact: GridContactConfig = table(GridContactConfig, "where it is read")


@settings
class LimitsConfig:
    """Who limits the station beside charging profiles; a source without a table does not exist."""

    grid_operator: GridOperatorConfig | None = table(GridOperatorConfig, "the grid operator", default=None)
    external: LimitSourceConfig | None = table(LimitSourceConfig, "an energy manager", default=None)
