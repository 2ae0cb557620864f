"""Connector lock and emergency stop (LK, ES), on a card of relays and inputs beside the board.

A lock is where there is a socket: an OpenEVSE here, and a safety controller's socket profile. The simulated charge
controllers have cables of their own.
"""

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario

LOCK_S = 5.0
OPENING_S = 0.1
RETRIES = 3
UNTOUCHED_S = 3.0
SOCKET = ("--board-profile", "socket", "--io")


async def lock_blocked(rig: Rig) -> None:
    """The motor does not move the lock."""
    await rig.ready()
    await rig.faults.bring("lock_blocked")
    plugged_t = await rig.car.plug_in(delay_s=0.5, cable_a=32)
    await rig.csms.told("Occupied", since=plugged_t)
    tried_t = await rig.reader.swipe(CARD)
    told = await rig.csms.fault("lock_failed", since=plugged_t)
    rig.measure_span("told", tried_t, told["t"], LOCK_S, "ours, LK-01")
    assert (await rig.state())["io"]["lock_tries"] >= RETRIES, "tried again"
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S, since=plugged_t)


async def unlock_under_load(rig: Rig) -> None:
    """The back-end asks for the plug while it carries current."""
    await rig.charging(cable_a=32)
    assert (await rig.state())["io"]["locked"], "locked before power"
    transaction_id = (await rig.csms.transactions())[0]["transaction_id"]
    asked_t = rig.watching.history[-1]["t"]
    if rig.version == "1.6":
        await rig.csms.send(("UnlockConnector", {"connectorId": 1}))
    else:
        request = ("UnlockConnector", {"evseId": 1, "connectorId": 1})
        assert (await rig.csms.send(request))["status"] == "OngoingAuthorizedTransaction"  # F05.FR.02
        assert not rig.events("lock", since=asked_t), "stays locked"
        await rig.csms.remote_stop(transaction_id)
        await rig.csms.ended(since=asked_t)
        assert (await rig.csms.send(request))["status"] == "Unlocked"
    opened = await rig.seen("contactor", closed=False, since=asked_t, within_s=15)
    unlocked = await rig.seen("lock", locked=False, since=asked_t, within_s=15)
    assert unlocked["t"] > opened["t"], "unlocked only without power"
    await rig.csms.ended(since=asked_t)


LOCK_TITLE = "The lock's motor is blocked"
LOCK_LIMIT = "no power; told within 5 s (ours), after three tries"


@scenario("LK-01", title=LOCK_TITLE, boards=("rapi",), limit=LOCK_LIMIT, options=("--io",))
async def test_the_lock_is_blocked(rig: Rig) -> None:
    await lock_blocked(rig)


@scenario("LK-01", title=LOCK_TITLE, boards=("safety",), limit=LOCK_LIMIT, options=SOCKET)
async def test_the_lock_of_a_socket_is_blocked(rig: Rig) -> None:
    await lock_blocked(rig)


UNLOCK_TITLE = "The back-end unlocks the plug during a transaction"
UNLOCK_LIMIT = "never unlocked with power"


@scenario("LK-02", title=UNLOCK_TITLE, boards=("rapi",), limit=UNLOCK_LIMIT, options=("--io",))
async def test_unlocking_under_load(rig: Rig) -> None:
    await unlock_under_load(rig)


@scenario("LK-02", title=UNLOCK_TITLE, boards=("safety",), limit=UNLOCK_LIMIT, options=SOCKET)
async def test_unlocking_a_socket_under_load(rig: Rig) -> None:
    await unlock_under_load(rig)


async def emergency_stop(rig: Rig) -> None:
    """The stop is pressed under load, and released."""
    await rig.charging()
    pressed_t = await rig.faults.bring("emergency_stop")
    opened = await rig.seen("contactor", closed=False, within_s=2)
    rig.measure_span("power off", pressed_t, opened["t"], OPENING_S, "ours, ES-01")
    await rig.csms.fault("emergency_stop", since=pressed_t)
    ended = await rig.csms.ended(since=pressed_t)
    assert ended["stop_reason"] == rig.csms.reason("EmergencyStop")
    released_t = await rig.faults.clear("emergency_stop")
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S, since=released_t)
    freed = [frame for frame in rig.csms.requests(since=pressed_t) if rig.csms.dialect.tells(frame, "Available", 1)]
    assert not freed, "latched while the car is plugged in"
    unplugged_t = await rig.car.plug_out()
    await rig.csms.told("Available", since=unplugged_t)
    await rig.car.plug_in(delay_s=NEVER_S)


STOP_LIMIT = "power off by hardware within 100 ms; told; latched until released and unplugged"


@scenario("ES-01", title="The emergency stop is pressed", limit=STOP_LIMIT, options=("--io",))
async def test_the_emergency_stop(rig: Rig) -> None:
    await emergency_stop(rig)


@scenario("ES-01", title="The board's own emergency stop is pressed", boards=("safety",), limit=STOP_LIMIT)
async def test_the_emergency_stop_of_the_board(rig: Rig) -> None:
    """Neither an OpenEVSE nor the simulated charge controllers have an input for one."""
    await emergency_stop(rig)
