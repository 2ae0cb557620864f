"""MinimumStatusDuration. OCPP 1.6 section 9.1.20; lesson 41: it never delays a fault."""

import asyncio
from dataclasses import replace

from agent.domain.vocabulary import ConnectorStatus
from hal.api import Fault
from tests.agent.csms.link_house import QUICK, House, online_house, status

PATIENT = replace(QUICK, minimum_status_s=0.3)
AVAILABLE, OCCUPIED, FAULTED = ConnectorStatus.AVAILABLE, ConnectorStatus.OCCUPIED, ConnectorStatus.FAULTED


def told(home: House) -> list[tuple[int, str]]:
    calls = [payload for _, action, payload in home.csms.calls if action == "StatusNotification"]
    return [(payload["connectorId"], payload["status"]) for payload in calls]


async def test_a_status_that_does_not_last_is_not_told() -> None:
    async with online_house(PATIENT) as home:
        publish = home.client.back_end.publish_status
        publish(status(AVAILABLE))
        await home.csms.until_called("StatusNotification", 1)
        began_s = asyncio.get_running_loop().time()
        publish(status(OCCUPIED))
        publish(status(ConnectorStatus.RESERVED))
        publish(status(OCCUPIED))
        await home.csms.until_called("StatusNotification", 2)
        assert asyncio.get_running_loop().time() - began_s >= 0.3
        assert told(home) == [(1, "Available"), (1, "Charging")]


async def test_a_status_that_comes_back_in_time_is_nothing_new() -> None:
    async with online_house(PATIENT) as home:
        publish = home.client.back_end.publish_status
        publish(status(AVAILABLE))
        await home.csms.until_called("StatusNotification", 1)
        publish(status(OCCUPIED))
        publish(status(AVAILABLE))
        publish(status(AVAILABLE, evse_id=2))
        await home.csms.until_called("StatusNotification", 2)
        assert told(home) == [(1, "Available"), (2, "Available")]


async def test_a_fault_is_told_at_once_and_so_is_its_end() -> None:
    async with online_house(replace(QUICK, minimum_status_s=600.0)) as home:
        publish = home.client.back_end.publish_status
        publish(status(FAULTED, fault=Fault.OVER_CURRENT))
        async with asyncio.timeout(5):
            await home.csms.until_called("StatusNotification", 1)
            publish(status(FAULTED, fault=Fault.GROUND_MISSING))
            await home.csms.until_called("StatusNotification", 2)
        assert told(home) == [(1, "Faulted"), (1, "Faulted")]


async def test_a_fault_that_came_while_another_status_waited_does_not_wait_with_it() -> None:
    async with online_house(replace(QUICK, minimum_status_s=600.0)) as home:
        publish = home.client.back_end.publish_status
        publish(status(OCCUPIED))
        await asyncio.sleep(0)
        publish(status(FAULTED, fault=Fault.OVER_CURRENT))
        async with asyncio.timeout(5):
            await home.csms.until_called("StatusNotification", 1)
            while (1, "Faulted") not in told(home):
                await home.csms.until_called("StatusNotification", len(told(home)) + 1)


async def test_one_evse_that_flaps_does_not_hold_the_other_back() -> None:
    async with online_house(PATIENT) as home:
        publish = home.client.back_end.publish_status
        publish(status(AVAILABLE, evse_id=2))
        flapping = [OCCUPIED, AVAILABLE]
        async with asyncio.timeout(5):
            for number in range(1000):
                publish(status(flapping[number % 2]))
                if (2, "Available") in told(home):
                    break
                await asyncio.sleep(0.05)
        assert told(home) == [(2, "Available")]


async def test_news_of_another_evse_does_not_make_a_passing_status_last() -> None:
    async with online_house(PATIENT) as home:
        publish = home.client.back_end.publish_status
        publish(status(AVAILABLE))
        await home.csms.until_called("StatusNotification", 1)
        publish(status(OCCUPIED))
        publish(status(FAULTED, evse_id=2, fault=Fault.OVER_CURRENT))
        await home.csms.until_called("StatusNotification", 2)
        publish(status(AVAILABLE))
        publish(status(AVAILABLE, evse_id=3))
        await home.csms.until_called("StatusNotification", 3)
        assert told(home) == [(1, "Available"), (2, "Faulted"), (3, "Available")]
