import asyncio
import json

from hal.drivers.indicator_line import LineIndicator
from hal.panel import Buzzer, Indication, Light
from hal.transports.memory_port import memory_pipe
from tests.hal.drivers.openevse_bench import virtual

READY = Indication(Light.GREEN, blinking=False, buzzer=Buzzer.NONE, text="Bereit\nÄ")
CHARGING = Indication(Light.BLUE, blinking=True, buzzer=Buzzer.NONE, text="Lädt")
ACCEPTED = Indication(Light.WHITE, blinking=False, buzzer=Buzzer.ACCEPTED, text="")


@virtual
async def test_each_change_is_one_json_line_and_the_latest_is_sent_again_after_reopening() -> None:
    near, far = memory_pipe()
    await far.open()
    display = LineIndicator(near)
    display.show(CHARGING)
    display.show(READY)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(display.run())
        line = await far.read()
        assert json.loads(line) == {"light": "green", "blinking": False, "buzzer": "none", "text": "Bereit\nÄ"}
        assert line.count(b"\n") == 1
        display.show(READY)
        display.show(CHARGING)
        assert [json.loads(text)["light"] for text in (await far.read()).splitlines()] == ["blue"]
        near.cut()
        display.show(READY)
        await asyncio.sleep(1)
        near.mend()
        await far.open()
        assert json.loads(await far.read())["light"] == "green"
        task.cancel()


@virtual
async def test_sound_is_made_each_time_it_is_shown_but_not_again_after_reopening() -> None:
    near, far = memory_pipe()
    await far.open()
    display = LineIndicator(near)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(display.run())
        await asyncio.sleep(0.1)
        display.show(ACCEPTED)
        display.show(ACCEPTED)
        assert (await far.read()).count(b"accepted") == 2
        near.cut()
        await asyncio.sleep(0.1)
        near.mend()
        await far.open()
        assert json.loads(await far.read())["buzzer"] == "none"
        task.cancel()
