import io
import time

from rich.console import Console

from hil.demo.observed import Observed
from hil.demo.screen_view import ScreenView
from hil.demo.view import Programme, Step
from tests.hil.demo.frames import call

STEPS = [
    Step("plug in", 0.0, 1.5),
    Step("tap the card", 1.5, 2.0, failed=True),
    Step("charge", 2.0),
    *(Step(f"step {number}") for number in range(6)),
]


def drawn(width: int, height: int) -> list[str]:
    """What stands on a terminal of this size."""
    seen = Observed("2.0.1", pilot_state="C", contactor_closed=True, offered_a=32.0, current_a=31.9, online=True)
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=height)
    view = ScreenView(Programme(seen, time.monotonic(), ".demo/x", STEPS), console)
    seen.on_frame = view.show_frame
    for number in range(20):
        seen.take_csms(call(number, "TransactionEvent", eventType="Updated", seqNo=number))
    view.close()
    return ["".join(segment.text for segment in line) for line in console.render_lines(view._render())]


def test_the_screen_shows_steps_station_and_messages() -> None:
    text = "\n".join(drawn(100, 40))
    for shown in ("✓ plug in", "1.5 s", "✗ tap the card", "▶ charge", "· step 5", "C  car takes energy", "31.9 A"):
        assert shown in text
    assert "→ TransactionEvent  #19 · Updated" in text
    assert "#4 " in text


def test_the_screen_fits_a_small_terminal() -> None:
    lines = drawn(80, 24)
    assert len(lines) < 24
    assert all(len(line) <= 80 for line in lines)
    assert "#19" in "\n".join(lines)
