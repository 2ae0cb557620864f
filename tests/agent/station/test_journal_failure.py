"""A disk that takes nothing more: what the station still does, what it refuses, and how it recovers."""

import asyncio
from pathlib import Path

from agent.domain.session_state import SessionState
from agent.station.commands import RemoteStart
from tests.agent.station.station_rig import (
    CARD,
    OTHER_CARD,
    charge,
    contactor_closed,
    ended,
    play,
    plug_in,
    state,
    station_of,
    unplug,
    until,
)
from tests.agent.store.disk_limits import file_size_limit
from tests.fakes.virtual_station import VirtualStation

ONLY_THE_JOURNAL_WRITES = "[csms]\nframe_log = false\n"
MUST_BE_STOPPED_AFTER_S = 60.0


def test_a_running_session_is_stopped_within_60_seconds_and_no_new_one_begins_until_the_disk_is_back(
    tmp_path: Path,
) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig, 1)
        await plug_in(rig, 2)
        with file_size_limit(0):
            failed_by_s = asyncio.get_running_loop().time()
            await until(lambda: station.station_fault() == "journal_not_writable")
            assert contactor_closed(rig, 1), "not at once: it may be over in a moment"
            outcome = await station.remote_start(RemoteStart(OTHER_CARD, evse_id=2))
            assert (outcome.accepted, outcome.reason) == (False, "nothing can be billed now")
            station.card_presented(OTHER_CARD, (2,))
            await until(lambda: not contactor_closed(rig, 1), MUST_BE_STOPPED_AFTER_S + 10)
            assert 30 < asyncio.get_running_loop().time() - failed_by_s <= MUST_BE_STOPPED_AFTER_S + 5
            await until(lambda: state(rig, 1) is SessionState.FINISHING)
            assert not contactor_closed(rig, 2)
        await until(lambda: station.station_fault() is None, 10)
        assert (await ended(rig)).stop_reason == "Other"
        station.card_presented(OTHER_CARD, (2,))
        await until(lambda: contactor_closed(rig, 2))
        await unplug(rig, 2)
        await until(lambda: len(rig.csms.ledger.transactions) == 2)
        await ended(rig)
        assert [transaction.is_whole for transaction in rig.csms.ledger.transactions] == [True, True]

    play(tmp_path, story, evses=2, extra_toml=ONLY_THE_JOURNAL_WRITES)


def test_a_failure_that_passes_in_time_interrupts_nothing(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig)
        with file_size_limit(0):
            await until(lambda: station.station_fault() is not None)
            await asyncio.sleep(20)
        await until(lambda: station.station_fault() is None, 10)
        await asyncio.sleep(90)
        assert contactor_closed(rig)
        await unplug(rig)
        assert (await ended(rig)).is_whole

    play(tmp_path, story, extra_toml=ONLY_THE_JOURNAL_WRITES)


def test_a_card_that_is_shown_while_nothing_can_be_billed_is_refused_where_the_driver_sees_it(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig, 2, OTHER_CARD)
        shown = rig.lines.bench.evses[1].indicator
        await plug_in(rig)
        with file_size_limit(0):
            await until(lambda: station.station_fault() is not None)
            station.card_presented(CARD, (1,))
            await asyncio.sleep(0.5)
            assert "not accepted" in str(shown.shown)
            assert not contactor_closed(rig)
        await until(lambda: station.station_fault() is None, 10)
        station.card_presented(CARD, (1,))
        await until(lambda: contactor_closed(rig))

    play(tmp_path, story, evses=2, extra_toml=ONLY_THE_JOURNAL_WRITES)
