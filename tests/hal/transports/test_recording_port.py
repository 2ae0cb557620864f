import pytest

from hal.api import PortError
from hal.transports.memory_port import memory_pipe
from hal.transports.recording_port import RecordingPort


async def test_what_passes_is_told_and_what_was_refused_is_not() -> None:
    near, far = memory_pipe()
    sent: list[bytes] = []
    received: list[bytes] = []
    port = RecordingPort(near, sent.append, received.append)
    with pytest.raises(PortError):
        port.write(b"too early")
    await port.open()
    await far.open()
    port.write(b"asked")
    assert await far.read() == b"asked"
    far.write(b"answered")
    assert await port.read() == b"answered"
    assert (sent, received) == ([b"asked"], [b"answered"])
    port.close()
    with pytest.raises(PortError):
        port.write(b"too late")
    assert sent == [b"asked"]
