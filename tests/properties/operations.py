"""What may happen to a station: one operation a line, and strategies that make stories of them (values).

Every story is a list of `Op`; hypothesis shrinks it and prints it so that it reads from top to bottom.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

ALICE, ALICES_SISTER, BOB, STRANGER = "04A11CE0", "04A11CE1", "04B0B000", "04BADBAD"
FAMILY = "FAMILY"
GOOD_TOKENS = frozenset({ALICE, ALICES_SISTER, BOB})

LINE_FAULTS = ("board_silent", "cable_pulled", "line_noise")
"""The station cannot reach the board: the board goes on by itself."""
WIRING_FAULTS = ("diode", "pilot_short", "ground", "rcd_ac", "over_temperature", "fails_to_close", "welded")
OTHER_FAULTS = ("meter_silent", "over_current", "board_reset")
ANSWERED_ACTIONS = ("*", "Authorize", "StartTransaction", "StopTransaction", "TransactionEvent", "BootNotification")


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that happens, at one EVSE where that matters."""

    verb: str
    evse: int = 1
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = "".join(f", {name}={value!r}" for name, value in self.fields.items())
        return f"op({self.verb!r}, {self.evse}{told})"


def op(verb: str, evse: int = 1, **fields: Any) -> Op:
    """One operation, written as it is printed: a failing story can be pasted into a test."""
    return Op(verb, evse, fields)


def _tokens() -> st.SearchStrategy[str]:
    return st.sampled_from((ALICE, ALICE, ALICES_SISTER, BOB, STRANGER))


def _waits() -> st.SearchStrategy[Op]:
    seconds = st.sampled_from((0.0, 0.01, 0.1, 0.3, 0.7, 1.0, 1.5, 2.0, 3.3, 5.0, 8.0, 13.0, 30.0, 70.0))
    return st.builds(lambda s: op("wait", 0, s=s), seconds)


def _plugs(evse: st.SearchStrategy[int]) -> st.SearchStrategy[Op]:
    return st.builds(
        lambda e, delay, amps, stubborn, full: op(
            "plug_in", e, delay_s=delay, current_a=amps, stubborn=stubborn, capacity_wh=full
        ),
        evse,
        st.sampled_from((0.0, 0.0, 2.0, 20.0)),
        st.sampled_from((32.0, 16.0, 10.0, 6.0)),
        st.sampled_from((False, False, False, True)),
        st.sampled_from((None, None, None, 150.0)),
    )


def _behaviours() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(lambda s, n: {"delay_s": s, "times": n}, st.sampled_from((0.4, 5.0, 31.0)), st.integers(1, 3)),
        st.builds(lambda n: {"answer": "silent", "times": n}, st.integers(1, 2)),
        st.builds(lambda n: {"answer": "error", "times": n}, st.integers(1, 3)),
        st.builds(lambda d: {"drop": d, "times": 1}, st.sampled_from(("before", "after"))),
    )


def _with_evse(verb: str, evse: st.SearchStrategy[int]) -> st.SearchStrategy[Op]:
    return st.builds(lambda e: op(verb, e), evse)


def _drivers(evse: st.SearchStrategy[int]) -> list[st.SearchStrategy[Op]]:
    return [
        _plugs(evse),
        _plugs(evse),
        _with_evse("plug_out", evse),
        st.builds(lambda t: op("swipe", 0, token=t), _tokens()),
        st.builds(lambda t: op("swipe", 0, token=t), _tokens()),
        st.builds(lambda e, s: op("ev", e, state=s), evse, st.sampled_from(("B", "C", "C", "D", "sleep"))),
    ]


def _back_ends(evse: st.SearchStrategy[int]) -> list[st.SearchStrategy[Op]]:
    return [
        st.builds(lambda e, t: op("remote_start", e, token=t), evse, st.sampled_from((ALICE, BOB))),
        _with_evse("remote_stop", evse),
        st.builds(lambda a, b: op("answers", 0, action=a, **b), st.sampled_from(ANSWERED_ACTIONS), _behaviours()),
        st.just(op("drop", 0)),
        st.builds(lambda r: op("reachable", 0, yes=r), st.booleans()),
        st.builds(lambda e, o: op("availability", e, operative=o), evse, st.booleans()),
        st.builds(lambda k: op("reset", 0, hard=k), st.booleans()),
    ]


def _hardware(evse: st.SearchStrategy[int]) -> list[st.SearchStrategy[Op]]:
    kinds = st.sampled_from(LINE_FAULTS + WIRING_FAULTS + OTHER_FAULTS)
    return [
        st.just(op("kill", 0)),
        st.just(op("start", 0)),
        st.builds(lambda s: op("kill_and_start", 0, dead_s=s), st.sampled_from((0.0, 1.0, 20.0))),
        st.just(op("stop", 0)),
        st.builds(lambda e, k: op("fault", e, kind=k), evse, kinds),
        _with_evse("clear", evse),
        st.builds(lambda s: op("power_cut", 0, dark_s=s), st.sampled_from((1.0, 4.0, 60.0))),
    ]


def _scenes(evse: st.SearchStrategy[int]) -> st.SearchStrategy[list[Op]]:
    """Things that drivers do in one go, so that most stories have power in them."""
    charge = st.builds(
        lambda e, t, s, first: [
            *([op("swipe", 0, token=t)] if first else []),
            op("plug_in", e),
            *([] if first else [op("swipe", 0, token=t)]),
            op("wait", 0, s=s),
        ],
        evse,
        st.sampled_from((ALICE, BOB)),
        st.sampled_from((0.5, 2.0, 4.0, 8.0, 40.0)),
        st.booleans(),
    )
    leave = st.builds(lambda e, s: [op("plug_out", e), op("wait", 0, s=s)], evse, st.sampled_from((0.1, 3.0, 8.0)))
    stop = st.builds(lambda t, s: [op("swipe", 0, token=t), op("wait", 0, s=s)], _tokens(), st.sampled_from((1.0, 8.0)))
    remote = st.builds(
        lambda e, t: [op("plug_in", e), op("remote_start", e, token=t), op("wait", 0, s=8.0)], evse, st.just(BOB)
    )
    return st.one_of(charge, charge, charge, leave, stop, remote)


def _passing(evse: st.SearchStrategy[int]) -> st.SearchStrategy[list[Op]]:
    """Misfortune that goes by itself after a while."""
    seconds = st.sampled_from((0.3, 2.0, 6.0, 20.0))
    kinds = st.sampled_from(LINE_FAULTS + WIRING_FAULTS + OTHER_FAULTS)
    fault = st.builds(
        lambda e, k, s: [op("fault", e, kind=k), op("wait", 0, s=s), op("clear", e)], evse, kinds, seconds
    )
    away = st.builds(
        lambda s: [op("reachable", 0, yes=False), op("wait", 0, s=s), op("reachable", 0, yes=True)], seconds
    )
    dead = st.builds(lambda s, t: [op("kill_and_start", 0, dead_s=s), op("wait", 0, s=t)], seconds, seconds)
    dark = st.builds(lambda s, t: [op("power_cut", 0, dark_s=s), op("wait", 0, s=t)], seconds, seconds)
    return st.one_of(fault, fault, away, dead, dark)


def stories(evses: int, *, longest: int) -> st.SearchStrategy[list[Op]]:
    """Lists of operations: scenes of everyday life, and misfortune between them."""
    evse = st.integers(1, evses)
    rare = st.one_of(_waits(), *_drivers(evse), *_back_ends(evse), *_hardware(evse)).map(lambda each: [each])
    scenes = _scenes(evse)
    each = st.one_of(scenes, scenes, _passing(evse), rare)
    parts = st.tuples(scenes, st.lists(each, min_size=longest // 2, max_size=longest))
    return parts.map(lambda found: [each for part in (found[0], *found[1]) for each in part])
