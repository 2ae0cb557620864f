"""The fault catalogue of the bench: what `fault` and `clear` do with each kind (rule over one EVSE).

A kind that this hardware cannot have is refused by name. A kind that happens once, or that ends with the car, does not
stand longer than that.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hil.boards import AnyBoardModel, absent_faults
from hil.card_faults import CARD_ALONE, CARD_KINDS, NO_CARD
from hil.device_line import LineFault
from hil.devices.iskra_signing import SigningBlock
from hil.devices.modbus_meter import MeterMode
from hil.devices.openevse_board import OpenEvseBoard
from hil.devices.openevse_board_values import Setting
from hil.devices.safety_board import SafetyBoard
from hil.evse_bench import EvseBench
from hil.value_faults import VALUE_FAULTS
from hil.world import PilotLoad, Surroundings, Wiring

EMERGENCY_STOP = TEMPERATURE_SENSOR = 1
"""The one that is fitted."""

Switch = Callable[[EvseBench, bool], None]

WIRING_KINDS = {
    "diode": Wiring.DIODE_SHORTED,
    "pilot_short": Wiring.PILOT_SHORTED,
    "pilot_open": Wiring.PILOT_OPEN,
    "ground": Wiring.GROUND_MISSING,
    "pe_loss": Wiring.PE_OPEN,
    "auxiliary_bounce": Wiring.AUXILIARY_BOUNCES,
    "welded": Wiring.WELDED,
    "welded_2": Wiring.WELDED_2,
    "fails_to_close": Wiring.FAILS_TO_CLOSE,
    "fails_to_close_2": Wiring.FAILS_TO_CLOSE_2,
    "rcd_ac": Wiring.RESIDUAL_CURRENT,
    "rcd_dc": Wiring.RESIDUAL_DC,
    "rcd_self_test": Wiring.SELF_TEST_FAILS,
    "over_temperature": Wiring.HOT,
}
METER_KINDS = {f"meter_{mode.value}": mode for mode in MeterMode if mode is not MeterMode.NORMAL}


def bring_in(evse: EvseBench, kind: str, value: float | None = None) -> None:
    """Bring a fault in. Raises: ValueError naming an unknown or absent kind, or a value that it cannot have."""
    switch = _switch_at(evse, kind)
    if (valued := VALUE_FAULTS.get(kind)) is not None:
        value = valued.checked(value)
        take_out(evse, kind)
        valued.bring(evse, value)
    elif value is not None:
        raise ValueError(f"fault kind {kind!r} has no value")
    elif switch is not None:
        switch(evse, True)
    if kind not in HAPPEN_ONCE:
        evse.standing[kind] = value


def take_out(evse: EvseBench, kind: str) -> None:
    """Take a fault out. Raises: ValueError naming an unknown or absent kind."""
    switch = _switch_at(evse, kind)
    stood = kind in evse.standing
    value = evse.standing.pop(kind, None)
    if switch is not None:
        switch(evse, False)
    elif stood and value is not None:
        VALUE_FAULTS[kind].take(evse, value)


def kinds_at(evse: EvseBench) -> tuple[str, ...]:
    """Return the kinds that this EVSE can have."""
    of_board = kinds_of(evse.board_model)
    return of_board if evse.card is None else tuple(dict.fromkeys((*of_board, *CARD_KINDS)))


def _switch_at(evse: EvseBench, kind: str) -> Switch | None:
    """Return what switches a kind at this EVSE; its card comes before its board. None for a kind with a value."""
    if (card := evse.card) is not None and kind in CARD_KINDS:
        return lambda _evse, on: CARD_KINDS[kind](card, on)
    if kind in CARD_ALONE:
        raise ValueError(f"fault kind {kind!r} does not exist here: {NO_CARD}")
    return _switch_for(kind, evse.board_model)


def _switch_for(kind: str, board: AnyBoardModel) -> Switch | None:
    """Return what switches a kind without a value; None for one with."""
    if kind in (absent := absent_faults(board)):
        raise ValueError(f"fault kind {kind!r} does not exist here: {absent[kind]}")
    if kind not in ALL_KINDS:
        raise ValueError(f"unknown fault kind {kind!r}; known: {', '.join(kinds_of(board))}")
    if kind in WIRING_KINDS:
        return lambda evse, on: evse.world.set_wiring(WIRING_KINDS[kind], present=on)
    if kind in METER_KINDS:
        return _meter_mode(METER_KINDS[kind])
    return _OTHERS.get(kind)


def kinds_of(board: AnyBoardModel) -> tuple[str, ...]:
    """Return the kinds that an EVSE with this board can have."""
    return tuple(kind for kind in ALL_KINDS if kind not in absent_faults(board))


def _meter_mode(fault: MeterMode) -> Switch:
    def switch(evse: EvseBench, on: bool) -> None:  # noqa: FBT001 - a switch has one position
        if on or evse.meter.mode is fault:
            evse.meter.mode = fault if on else MeterMode.NORMAL

    return switch


def _ventilation(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    if evse.vehicle.plugged and (on or evse.world.load is PilotLoad.D):
        evse.vehicle.demand(PilotLoad.D if on else PilotLoad.C)


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


def _line(fault: LineFault) -> Switch:
    def switch(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
        (evse.board_line.faults.add if on else evse.board_line.faults.discard)(fault)

    return switch


def _emergency_stop(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    _surround(evse, emergency_stops=frozenset({EMERGENCY_STOP} if on else ()))


def _sensor_missing(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    _surround(evse, sensor_c=((TEMPERATURE_SENSOR, None),) if on else ())


def _surround(evse: EvseBench, **fields: Any) -> None:
    surroundings: Surroundings = replace(evse.world.surroundings, **fields)
    if surroundings != evse.world.surroundings:
        evse.world.change(surroundings=surroundings)


def _other_firmware(evse: EvseBench, on: bool) -> None:  # noqa: FBT001
    if isinstance(evse.board, OpenEvseBoard | SafetyBoard):
        evse.board.run_firmware(other=on)


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
    "board_reset": _board_reset,
    "board_silent": _board_silent,
    "cable_pulled": _cable_pulled,
    "emergency_stop": _emergency_stop,
    "firmware_mismatch": _other_firmware,
    "meter_exchanged": _signing(_meter_exchanged),
    "protection_off": _protection_off,
    "sensor_missing": _sensor_missing,
    "signer_fails": _signing(_signer_fails),
    "signer_silent": _signing(_signer_silent),
    "vent": _ventilation,
    **{fault.value: _line(fault) for fault in LineFault},
}
ALL_KINDS = (*sorted(WIRING_KINDS), *sorted(METER_KINDS), *sorted({*_OTHERS, *VALUE_FAULTS}))
HAPPEN_ONCE = frozenset({"board_reset", "lock_released", *(kind for kind, fault in VALUE_FAULTS.items() if fault.once)})
OF_THE_CAR = frozenset({"over_current", "proximity", "vent"})
"""Gone with the car they were brought in for."""
