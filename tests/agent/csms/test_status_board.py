import asyncio
from dataclasses import replace

from agent.csms.status_board import MAX_QUEUED_PER_EVSE
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import ConnectorStatus
from hal.api import Fault
from tests.agent.csms.link_house import IMPATIENT, QUICK, House, house, online_house, status
from tests.fakes.scripted_csms import NOW, scripted_csms

A_FAULT = next(iter(Fault))


def told(home: House) -> list[tuple[int, str]]:
    return [(p["connectorId"], p["status"]) for _, action, p in home.csms.calls if action == "StatusNotification"]


async def reconnect(home: House) -> None:
    seen = len(home.csms.connections)
    await home.csms.connection.close()
    await home.csms.until(lambda: len(home.csms.connections) > seen)


def occupied() -> EvseStatus:
    return status(ConnectorStatus.OCCUPIED)


async def test_every_change_is_told_while_online_and_repeats_are_not() -> None:
    async with online_house() as home:
        for one in (status(), occupied(), occupied(), status()):
            home.client.back_end.publish_status(one)
        await home.csms.until_called("StatusNotification", 3)
        await home.csms.ask("GetConfiguration", {})
        assert told(home) == [(1, "Available"), (1, "Charging"), (1, "Available")]


async def test_after_boot_the_last_status_of_each_evse_is_told() -> None:
    async with scripted_csms() as csms:
        csms.on("BootNotification", None)
        async with house(csms, timing=IMPATIENT) as home:
            for one in (status(), occupied(), status(evse_id=2)):
                home.client.back_end.publish_status(one)
            await csms.until_called("BootNotification")
            csms.on("BootNotification", {"status": "Accepted", "currentTime": NOW, "interval": 10})
            await csms.until_called("StatusNotification", 2)
            assert told(home) == [(1, "Charging"), (2, "Available")]


async def test_a_reconnect_tells_only_what_changed() -> None:  # lesson 25
    async with online_house() as home:
        home.client.back_end.publish_status(status())
        home.client.back_end.publish_status(status(evse_id=2))
        await home.csms.until_called("StatusNotification", 2)
        await home.csms.ask("GetConfiguration", {})
        await reconnect(home)
        await home.csms.until_called("Heartbeat")
        await home.until_online()
        home.client.back_end.publish_status(occupied())
        await home.csms.until_called("StatusNotification", 3)
        assert told(home)[2:] == [(1, "Charging")]


async def test_a_long_outage_tells_everything_again_where_the_version_asks_for_it() -> None:  # B04.FR.01
    async with online_house(replace(QUICK, offline_threshold_s=0.0)) as home:
        home.client.back_end.publish_status(status())
        await home.csms.until_called("StatusNotification")
        await reconnect(home)
        await home.csms.until_called("StatusNotification", 2)
        assert told(home) == [(1, "Available"), (1, "Available")]


async def test_a_fault_does_not_wait_for_the_link_to_settle() -> None:  # lessons 25, 41
    async with online_house(replace(QUICK, settle_s=3600.0)) as home:
        await reconnect(home)
        await home.csms.until_called("Heartbeat")
        await home.until_online()
        home.client.back_end.publish_status(status())
        await asyncio.sleep(0.05)
        assert told(home) == []
        home.client.back_end.publish_status(status(ConnectorStatus.FAULTED, fault=A_FAULT))
        await home.csms.until_called("StatusNotification", 2)
        assert told(home) == [(1, "Available"), (1, "Faulted")]


def standing(*faults: Fault, new: Fault | None = None) -> EvseStatus:
    plain = status(ConnectorStatus.FAULTED if faults else ConnectorStatus.AVAILABLE)
    return replace(plain, fault=new or (faults[0] if faults else None), standing=tuple((fault, "") for fault in faults))


def codes(home: House) -> list[str]:
    return [p["vendorErrorCode"] for _, action, p in home.csms.calls if action == "StatusNotification"]


async def test_two_faults_are_told_one_by_one_and_so_is_their_end() -> None:  # lesson 110
    async with online_house() as home:
        for each in (
            standing(Fault.DIODE),
            standing(Fault.DIODE, Fault.METER_SILENT, new=Fault.METER_SILENT),
            standing(Fault.METER_SILENT),
            standing(),
        ):
            home.client.back_end.publish_status(each)
        await home.csms.until_called("StatusNotification", 4)
        assert codes(home) == ["diode", "meter_silent", "meter_silent", ""]


async def test_faults_that_appeared_during_an_outage_are_told_one_by_one_after_it() -> None:
    async with online_house() as home:
        home.client.back_end.publish_status(standing())
        await home.csms.until_called("StatusNotification")
        await home.csms.connection.close()
        await home.csms.until(lambda: not home.client.link.online.is_set())
        for each in (standing(Fault.DIODE), standing(Fault.DIODE, Fault.METER_SILENT, new=Fault.METER_SILENT)):
            home.client.back_end.publish_status(each)
        await home.csms.until_called("StatusNotification", 3)
        assert codes(home) == ["", "diode", "meter_silent"]


async def test_faults_that_come_faster_than_they_can_be_told_are_all_told() -> None:
    faults = tuple(Fault)[: MAX_QUEUED_PER_EVSE + 4]
    async with online_house() as home:
        home.client.back_end.publish_status(standing())
        await home.csms.until_called("StatusNotification")
        for number, fault in enumerate(faults, start=1):
            home.client.back_end.publish_status(standing(*faults[:number], new=fault))
        await home.csms.until(lambda: set(codes(home)) == {"", *(fault.value for fault in faults)})
