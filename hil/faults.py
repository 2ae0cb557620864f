"""The fault catalogue of the bench: what `fault` and `clear` do with each kind (rule over one EVSE).

A kind that this hardware cannot have is refused by name.
"""

from collections.abc import Callable

from hil.boards import AnyBoardModel, absent_faults
from hil.devices.iskra_signing import SigningBlock
from hil.devices.modbus_meter import MeterMode
from hil.devices.openevse_board import OpenEvseBoard
from hil.devices.openevse_board_values import Setting
from hil.evse_bench import EvseBench
from hil.world import NOMINAL_VOLTAGE_V, PilotLoad, Wiring

OVERDRAW_FACTOR = 2.0
UNDER_VOLTAGE_V = 180.0
OVER_VOLTAGE_V = 270.0

Switch = Callable[[EvseBench, bool], None]

WIRING_KINDS = {
    "diode": Wiring.DIODE_SHORTED,
    "pilot_short": Wiring.PILOT_SHORTED,
    "pilot_open": Wiring.PILOT_OPEN,
    "ground": Wiring.GROUND_MISSING,
    "pe_loss": Wiring.PE_OPEN,
    "welded": Wiring.WELDED,
    "fails_to_close": Wiring.FAILS_TO_CLOSE,
    "rcd_ac": Wiring.RESIDUAL_CURRENT,
    "rcd_dc": Wiring.RESIDUAL_DC,
    "rcd_self_test": Wiring.SELF_TEST_FAILS,
    "over_temperature": Wiring.HOT,
}
METER_KINDS = {f"meter_{mode.value}": mode for mode in MeterMode if mode is not MeterMode.NORMAL}


def switch_for(kind: str, board: AnyBoardModel) -> Switch:
    """Return what brings this fault in (True) or takes it out. Raises: ValueError naming an unknown or absent kind."""
    if kind in (absent := absent_faults(board)):
        raise ValueError(f"fault kind {kind!r} does not exist here: {absent[kind]}")
    if kind in WIRING_KINDS:
        return lambda evse, on: evse.world.set_wiring(WIRING_KINDS[kind], present=on)
    if kind in METER_KINDS:
        return _meter_mode(METER_KINDS[kind])
    if kind in _OTHERS:
        return _OTHERS[kind]
    raise ValueError(f"unknown fault kind {kind!r}; known: {', '.join(kinds_of(board))}")


def kinds_of(board: AnyBoardModel) -> tuple[str, ...]:
    """Return the kinds that an EVSE with this board can have."""
    return tuple(kind for kind in ALL_KINDS if kind not in absent_faults(board))


def _meter_mode(fault: MeterMode) -> Switch:
    def switch(evse: EvseBench, on: bool) -> None:  # noqa: FBT001 - a switch has one position
        if on or evse.meter.mode is fault:
            evse.meter.mode = fault if on else MeterMode.NORMAL

    return switch


def _over_current(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    evse.vehicle.overdraw(OVERDRAW_FACTOR if on else 1.0)


def _ventilation(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    if evse.vehicle.plugged and (on or evse.world.load is PilotLoad.D):
        evse.vehicle.demand(PilotLoad.D if on else PilotLoad.C)


def _voltage(fault_v: float) -> Switch:
    def switch(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
        if on or evse.world.voltage_v == fault_v:
            evse.world.change(voltage_v=fault_v if on else NOMINAL_VOLTAGE_V)

    return switch


def _board_silent(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    evse.board.muted = on


def _board_reset(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    if on:
        evse.board.reset()


def _signing(change: Callable[[SigningBlock, bool], None]) -> Switch:
    def switch(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
        if evse.meter.signing is not None:
            change(evse.meter.signing, on)
        elif on:
            raise ValueError("this meter signs nothing; use the map iskra_wm3m4c")

    return switch


def _meter_exchanged(signing: SigningBlock, on: bool) -> None:  # noqa: FBT001
    signing.exchange(on=on)


def _signer_fails(signing: SigningBlock, on: bool) -> None:  # noqa: FBT001
    signing.fails = on


def _signer_silent(signing: SigningBlock, on: bool) -> None:  # noqa: FBT001
    signing.is_silent = on


def _line_noise(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    evse.board_line.noisy = on


def _cable_pulled(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    evse.cable_pulled = on


def _protection_off(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    if not isinstance(evse.board, OpenEvseBoard):
        return
    eeprom = evse.board.eeprom
    before = eeprom.flags
    flags = int(before | Setting.DIODE_OFF if on else before & ~Setting.DIODE_OFF)
    if flags != before:
        eeprom.write(flags=flags)


_OTHERS: dict[str, Switch] = {
    "over_current": _over_current,
    "vent": _ventilation,
    "under_voltage": _voltage(UNDER_VOLTAGE_V),
    "over_voltage": _voltage(OVER_VOLTAGE_V),
    "board_silent": _board_silent,
    "board_reset": _board_reset,
    "line_noise": _line_noise,
    "cable_pulled": _cable_pulled,
    "protection_off": _protection_off,
    "meter_exchanged": _signing(_meter_exchanged),
    "signer_fails": _signing(_signer_fails),
    "signer_silent": _signing(_signer_silent),
}
ALL_KINDS = (*sorted(WIRING_KINDS), *sorted(METER_KINDS), *sorted(_OTHERS))
