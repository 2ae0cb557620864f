"""Whatever the host, the car and the wiring do, the simulated safety controller keeps its promises."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from hal.codecs.safety_values import ChargeControl, SafeState
from hil.devices.safety_board_values import McuState
from hil.world import PilotKind, PilotLoad, Wiring
from tests.hil.devices.safety_rig import X1, SafetyRig, virtual

SETTLED_S = 0.051
"""Filters have passed."""
PROTECTED = frozenset(
    {Wiring.DIODE_SHORTED, Wiring.PILOT_SHORTED, Wiring.PILOT_OPEN, Wiring.PE_OPEN, Wiring.RESIDUAL_CURRENT, Wiring.HOT}
)
CONTROLS = st.builds(
    ChargeControl,
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 100, 267, 267, 267, 1000, 1023]),
    st.tuples(st.sampled_from([True, True, False]), st.booleans(), st.booleans()),
)
ACTIONS = st.one_of(
    st.tuples(st.just("control"), CONTROLS),
    st.tuples(st.just("silence"), st.none()),
    st.tuples(st.just("load"), st.sampled_from([*PilotLoad, PilotLoad.C, PilotLoad.C])),
    st.tuples(st.just("fault"), st.sampled_from(sorted(PROTECTED, key=lambda wiring: wiring.value))),
    st.tuples(st.just("clear"), st.none()),
    st.tuples(st.just("stop"), st.booleans()),
    st.tuples(st.just("garbage"), st.binary(max_size=40)),
    st.tuples(st.just("reset"), st.none()),
)
STEPS = st.lists(st.tuples(ACTIONS, st.sampled_from([0.06, 0.2, 1.2])), max_size=25)


def act(rig: SafetyRig, name: str, argument: object) -> None:
    match name, argument:
        case "control", ChargeControl() as control:
            rig.command(control)
        case "silence", _:
            rig.silence()
        case "load", PilotLoad() as load:
            rig.world.change(load=load)
        case "fault", Wiring() as wiring:
            rig.world.set_wiring(wiring, present=True)
        case "clear", _:
            for wiring in PROTECTED:
                rig.world.set_wiring(wiring, present=False)
        case "stop", bool() as pressed:
            rig.surround(emergency_stops=frozenset({1}) if pressed else frozenset())
        case "garbage", bytes() as junk:
            rig.board.receive(junk)
        case _:
            rig.board.reset()


def check(rig: SafetyRig) -> None:
    if rig.board.control.state is McuState.SAFE:
        assert not any(rig.board.control.contactors.driven)
        assert rig.world.output.kind is PilotKind.NEGATIVE
    if rig.world.contactor_closed:
        assert rig.board.control.state is McuState.RUNNING
        assert rig.world.load is PilotLoad.C
        assert not rig.world.surroundings.emergency_stops
        visible = PROTECTED if rig.world.output.kind is PilotKind.PWM else PROTECTED - {Wiring.DIODE_SHORTED}
        assert not rig.world.wiring & visible
        assert rig.control is not None
        assert rig.control.contactors[0]
        assert rig.control.pwm_enabled


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_contactor_is_closed_only_with_permission_state_c_and_no_fault(
    steps: list[tuple[tuple[str, object], float]],
) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        for (name, argument), wait_s in steps:
            act(rig, name, argument)
            await asyncio.sleep(max(wait_s, 0.6 if name == "silence" or refused(argument) else SETTLED_S))
            check(rig)
        rig.command(X1)
        for wiring in PROTECTED:
            rig.world.set_wiring(wiring, present=False)
        rig.surround(emergency_stops=frozenset())
        await asyncio.sleep(1)
        assert rig.told().safe_state is SafeState.NORMAL, "with every cause gone the board comes back"

    virtual(story)


def refused(argument: object) -> bool:
    """Tell whether this is a control frame that the board does not take, so that it soon misses its host."""
    return isinstance(argument, ChargeControl) and argument.duty_permille > 1000
