"""The kinds of board that the bench hosts: by name on the command line, by their model in memory (rule).

What a kind of board cannot have is refused by name with the reason, and so is an unknown profile.
Source: facts rapi_openevse; boards_protocols, chargebyte.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, get_args

from hil.devices.modbus_controller import ModbusController
from hil.devices.modbus_controller_values import Kind, ModbusControllerModel
from hil.devices.openevse_board import OpenEvseBoard
from hil.devices.openevse_board_values import BoardModel
from hil.devices.safety_board import SafetyBoard
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import Emit, EvseWorld

AnyBoardModel = BoardModel | SafetyBoardModel | ModbusControllerModel


class Board(Protocol):
    """What the bench asks of any board; what it does to pilot and contactor it does to its `EvseWorld`."""

    output: Callable[[bytes], None]
    muted: bool
    """True: hears and says nothing."""

    def receive(self, data: bytes) -> None:
        """Take bytes that the other side sent."""

    def power_on(self) -> None:
        """Give it supply."""

    def power_off(self) -> None:
        """Take the supply away."""

    def reset(self) -> None:
        """Restart it."""

    def describe(self) -> dict[str, Any]:
        """State and counters for the bench's `state` operation."""

    def save(self) -> dict[str, Any]:
        """Return what survives the dark, for `restore`."""

    def restore(self, saved: dict[str, Any]) -> None:
        """Put back what `save` gave, before the supply comes on."""


PROFILES: Mapping[str, Mapping[str, AnyBoardModel]] = {
    "rapi": {"openevse": BoardModel()},
    "safety": {
        "cable": SafetyBoardModel(),
        "socket": SafetyBoardModel(socket=True),
        "ventilated": SafetyBoardModel(ventilation=True),
        "single_contactor": SafetyBoardModel(contactors=(True, False, False)),
    },
    "modbus": {kind: ModbusControllerModel(kind=kind) for kind in get_args(Kind)},
}
"""Models by kind and profile; the first profile of a kind is its default."""

_NO_LOCK = "the simulated {} has no connector lock"
_NO_SOCKET = "this EVSE has no socket whose proximity contact is watched"
_ONE_CONTACTOR = "the board has one contactor"
_ONE = {"welded_2": _ONE_CONTACTOR, "fails_to_close_2": _ONE_CONTACTOR}
_OPENEVSE_ABSENT = {
    **_ONE,
    "lock_blocked": _NO_LOCK.format("OpenEVSE board"),
    "emergency_stop": "the OpenEVSE board has no input for it",
    "brown_out": "the OpenEVSE board does not report its own supply",
    "pwm_frequency": "the OpenEVSE board does not measure its own pilot's frequency",
    "auxiliary_bounce": "the OpenEVSE board senses voltage behind its relay and has no auxiliary contact",
    "proximity": _NO_SOCKET,
}
_NOT_SHOWN = "no register of this charge controller shows it"
_MODBUS_ABSENT = {
    **_ONE,
    "lock_blocked": _NO_LOCK.format("charge controller"),
    "ground": "the simulated charge controller does not watch the supply's earth; pe_loss breaks the way to the car",
    "protection_off": "no protection of the simulated charge controller can be switched off",
    "proximity": _NO_SOCKET,
    "rcd_self_test": "the simulated charge controller does not test its residual current monitor",
    "auxiliary_bounce": "the simulated charge controller reports no auxiliary contact",
    "firmware_mismatch": "the driver accepts every version of this charge controller",
    "pilot_noise": "the simulated charge controller measures without noise",
    **dict.fromkeys(("emergency_stop", "brown_out", "pwm_frequency", "temperature", "sensor_missing"), _NOT_SHOWN),
}
_SAFETY_ABSENT = {
    "lock_blocked": _NO_LOCK.format("safety controller"),
    "ground": "the simulated safety controller does not watch the supply's earth; pe_loss breaks the way to the car",
    "protection_off": "no protection of the simulated safety controller can be switched off",
}


def board_model(kind: str, profile: str | None = None) -> AnyBoardModel:
    """Return the model that the command line names. Raises: ValueError naming what is unknown."""
    if kind not in PROFILES:
        raise ValueError(f"unknown board {kind!r}; known: {', '.join(PROFILES)}")
    models = PROFILES[kind]
    if profile is None:
        return next(iter(models.values()))
    if profile not in models:
        raise ValueError(f"board {kind} has no profile {profile!r}; known: {', '.join(models)}")
    return models[profile]


def make_board(world: EvseWorld, emit: Emit, model: AnyBoardModel) -> Board:
    """Build the board of this model."""
    match model:
        case BoardModel():
            return OpenEvseBoard(world, emit, model)
        case SafetyBoardModel():
            return SafetyBoard(world, emit, model)
        case ModbusControllerModel():
            return ModbusController(world, emit, model)


def kind_of(model: AnyBoardModel) -> str:
    """Return the name of its kind, with the model where a state of one means nothing to another."""
    match model:
        case BoardModel():
            return "rapi"
        case SafetyBoardModel():
            return "safety"
        case ModbusControllerModel():
            return f"modbus:{model.kind}"


def absent_faults(model: AnyBoardModel) -> Mapping[str, str]:
    """Return the fault kinds that this board cannot have, each with the reason."""
    if isinstance(model, BoardModel):
        return _OPENEVSE_ABSENT
    if isinstance(model, ModbusControllerModel):
        cool = {} if model.kind == "heidelberg" else {"over_temperature": _NOT_SHOWN}
        return {**_MODBUS_ABSENT, **cool}
    no_socket = {} if model.socket else {"proximity": _NO_SOCKET}
    return {**_SAFETY_ABSENT, **no_socket, **({} if model.contactors[1] else _ONE)}


def agent_fields(model: AnyBoardModel) -> dict[str, str | bool]:
    """Return what the agent's `[evse.board]` says of this board beside its line."""
    match model:
        case BoardModel():
            return {"driver": "openevse"}
        case SafetyBoardModel():
            return {"driver": "safety"}
        case ModbusControllerModel():
            # Only the Heidelberg watches its host; the others have to be accepted as they are, by name.
            accepted: dict[str, str | bool] = {} if model.kind == "heidelberg" else {"accept_host_loss": True}
            return {"driver": "modbus", "profile": model.kind, **accepted}


def is_on_tcp(model: AnyBoardModel) -> bool:
    """Tell whether the board is reached by TCP and not by a serial line."""
    return isinstance(model, ModbusControllerModel) and model.framing == "tcp"


def has_socket(model: AnyBoardModel) -> bool:
    """Tell whether the EVSE has a socket outlet, and not a cable of its own."""
    return isinstance(model, BoardModel) or (isinstance(model, SafetyBoardModel) and model.socket)


def is_ventilated(model: AnyBoardModel) -> bool:
    """Tell whether the board charges in state D."""
    return isinstance(model, SafetyBoardModel) and model.ventilation


def watches_proximity(model: AnyBoardModel) -> bool:
    """Tell whether the board measures the resistor in the plug."""
    return isinstance(model, SafetyBoardModel) and model.socket
