"""What the end of a transaction tells of its course. OCPP 1.6 sections 4.10 and 9.1; OCPP 2.0.1 part 2, J01 and J02."""

from tests.stories.sessions import begin_session, leave
from tests.stories.stage import Json
from tests.stories.story_bench import Story
from tests.stories.telling import story


def values_of_end(s: Story) -> list[Json]:
    """MeterValues of the one end that was told."""
    if s.dialect.is_16:
        [stop] = s.requests("StopTransaction")
        return list(stop["payload"].get("transactionData", []))
    [end] = [each for each in s.requests("TransactionEvent") if each["payload"]["eventType"] == "Ended"]
    return list(end["payload"].get("meterValue", []))


def told(values: list[Json], context: str) -> list[str]:
    """When, in the order of the message."""
    return [value["timestamp"] for value in values if value["sampledValue"][0]["context"] == context]


@story()
async def test_clock_aligned_samples_survive_a_kill_and_a_power_cut_and_come_with_the_end(s: Story) -> None:
    """StopTxnAlignedData, whatever MeterValuesAlignedData says."""
    assert await s.set_variable("AlignedDataCtrlr.TxEndedMeasurands", "Voltage") == "Accepted"
    assert await s.set_variable("AlignedDataCtrlr.Interval", "5") == "Accepted"
    await begin_session(s)
    await s.pass_time(21, scaled=False)
    await s.kill_agent()
    await s.start_agent()
    await s.pass_time(11, scaled=False)
    s.skip_frames()
    await s.kill_agent()
    await s.power_cut()
    await s.power_on()
    await s.start_agent()
    ended = await s.until_ended(within_s=60)
    assert ended["stop_reason"] == "PowerLoss"
    values = values_of_end(s)
    at = told(values, "Sample.Clock")
    assert len(at) >= 5
    assert at == sorted(set(at))
    assert all(int(each[17:19]) % 5 <= 1 for each in at)
    aligned = [value for value in values if value["sampledValue"][0]["context"] == "Sample.Clock"]
    assert {sampled["measurand"] for value in aligned for sampled in value["sampledValue"]} == {"Voltage"}


@story(versions=("1.6",))
async def test_a_stop_tells_begin_periodic_samples_and_end_of_its_measurands(s: Story) -> None:
    """StopTxnSampledData and MeterValueSampleInterval."""
    assert await s.set_variable("SampledDataCtrlr.TxUpdatedInterval", "5") == "Accepted"
    key = {"key": "StopTxnSampledData", "value": "Energy.Active.Import.Register,Voltage"}
    assert (await s.send(("ChangeConfiguration", key)))["status"] == "Accepted"
    await begin_session(s)
    await s.pass_time(21, scaled=False)
    s.skip_frames()
    await leave(s)
    await s.until_ended()
    values = values_of_end(s)
    contexts = [value["sampledValue"][0]["context"] for value in values]
    assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
    assert len(contexts) >= 5
    assert set(contexts[1:-1]) == {"Sample.Periodic"}
    measurands = [{sampled["measurand"] for sampled in value["sampledValue"]} for value in values]
    assert all(each == {"Energy.Active.Import.Register", "Voltage"} for each in measurands)


@story(versions=("1.6",))
async def test_a_stop_without_measurands_to_tell_carries_no_samples(s: Story) -> None:
    assert await s.set_variable("SampledDataCtrlr.TxUpdatedInterval", "5") == "Accepted"
    key = {"key": "StopTxnSampledData", "value": ""}
    assert (await s.send(("ChangeConfiguration", key)))["status"] == "Accepted"
    await begin_session(s)
    await s.pass_time(11, scaled=False)
    s.skip_frames()
    await leave(s)
    await s.until_ended()
    assert values_of_end(s) == []
