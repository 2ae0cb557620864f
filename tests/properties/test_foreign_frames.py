"""Whatever a back-end sends to a station that is charging: a refusal changes nothing, and the station lives on."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.device_model import ReportBase
from hil.csms.bench_csms import CALL_TIMEOUT_S
from hil.csms.station_link import CsmsError, NotConnectedError
from hil.virtual_time import run_virtual
from tests.agent.csms.v16 import any_request as v16
from tests.agent.csms.v201 import any_request as v201
from tests.fakes.virtual_station import IDENTITY, VirtualStation, virtual_station
from tests.properties.operations import ALICE

ANY_REQUEST: Final = {"1.6": v16.any_request, "2.0.1": v201.any_request}
COMMON: Final = ("Reset", "ChangeAvailability", "UnlockConnector", "TriggerMessage", "DataTransfer", "ClearCache")
ACTIONS: Final = {
    "1.6": (*COMMON, "GetConfiguration", "ChangeConfiguration", "RemoteStartTransaction", "RemoteStopTransaction"),
    "2.0.1": (*COMMON, "GetVariables", "SetVariables", "RequestStartTransaction", "RequestStopTransaction"),
}
QUESTION: Final = {
    "1.6": ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    "2.0.1": ("GetTransactionStatus", {}),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
MONSTERS: Final = (
    "[" * 100_000,
    "[" * 900 + "]" * 900,
    '[2,"deep","Reset",' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "]",
    '[2,"huge","DataTransfer",{"vendorId":"x","data":"' + "A" * 1_000_000 + '"}]',
    '[2,"number","Reset",{"type":1e400}]',
    '[2,"","Reset",{"type":"Hard"}]',
    '[3,"never-asked",{}]',
    '[4,"never-asked","InternalError","",{}]',
    "\x00\ufeff[]",
)


def _texts(version: str) -> st.SearchStrategy[str]:
    action = st.sampled_from((*ACTIONS[version], "Heartbeat", "Nonsense"))
    call = st.tuples(st.just(2), st.text(min_size=1, max_size=36), action, JSON).map(list)
    return st.one_of(
        st.sampled_from(MONSTERS),
        st.text(max_size=200),
        st.lists(JSON, max_size=6).map(json.dumps),
        call.map(json.dumps),
    )


def _seen(station: VirtualStation) -> tuple[object, ...]:
    """What no refusal may change."""
    assert station.agent is not None
    session = station.agent.station.evses[1].session
    world = station.lines.bench.evses[1].world
    report = station.agent.device_model.report(ReportBase.FULL_INVENTORY)
    variables = tuple(str(entry) for entry in report if "ClockCtrlr" not in str(entry))
    open_ids = tuple(each.transaction_id for each in station.agent.station.open_transactions())
    return (
        session.state,
        session.operative,
        session.id_token,
        open_ids,
        world.contactor_closed,
        world.output,
        variables,
    )


async def _charge(station: VirtualStation) -> None:
    station.lines.bench.plug_in(1)
    await station.csms.connected(IDENTITY)
    await station.csms.expect("StatusNotification", where=lambda p: p.get("connectorId") == 1)
    station.lines.bench.swipe(ALICE)
    await station.csms.expect("StartTransaction" if station.version == "1.6" else "TransactionEvent")


async def _answers_still(station: VirtualStation) -> None:
    await station.csms.connected(IDENTITY, timeout_s=60.0)
    action, payload = QUESTION[station.version]
    await station.csms.send(IDENTITY, action, payload, timeout_s=CALL_TIMEOUT_S)
    station.check_alive()


async def _throw(directory: Path, version: str, texts: list[str]) -> None:
    async with virtual_station(directory, version=version) as station:
        await _charge(station)
        await _answers_still(station)
        for text in texts:
            await station.csms.connected(IDENTITY, timeout_s=60.0)
            before = _seen(station)
            await station.csms.send_text(IDENTITY, text)
            await _answers_still(station)
            assert _seen(station) == before, text[:200]


async def _ask(directory: Path, version: str, requests: list[tuple[str, dict[str, Any]]]) -> None:
    async with virtual_station(directory, version=version) as station:
        await _charge(station)
        for action, payload in requests:
            await _answers_still(station)
            before = _seen(station)
            try:
                answer = await station.csms.send(IDENTITY, action, payload, raw=True)
            except NotConnectedError:
                answer = {"status": "Accepted"}  # it restarts
            except CsmsError:
                answer = {"status": "Rejected"}
            if station.restarts:
                return
            if answer.get("status") == "Rejected":
                assert _seen(station) == before, (action, payload)
            station.check_alive()


few = settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("version", ANY_REQUEST)
@few
@given(data=st.data())
def test_garbage_from_the_back_end_changes_nothing(version: str, data: st.DataObject) -> None:
    texts = data.draw(st.lists(_texts(version), min_size=5, max_size=25))
    with TemporaryDirectory() as directory:
        run_virtual(_throw(Path(directory), version, texts))


@pytest.mark.parametrize("version", ANY_REQUEST)
@few
@given(data=st.data())
def test_a_refused_request_changes_nothing_and_no_request_ends_the_process(version: str, data: st.DataObject) -> None:
    each = st.sampled_from(ACTIONS[version]).flatmap(
        lambda action: st.tuples(st.just(action), ANY_REQUEST[version](action))
    )
    requests = data.draw(st.lists(each, min_size=5, max_size=20))
    with TemporaryDirectory() as directory:
        run_virtual(_ask(Path(directory), version, requests))
