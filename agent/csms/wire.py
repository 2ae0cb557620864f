"""One connection as the link uses it: frames logged both ways, every way of closing turned into `LinkLostError`."""

from websockets.exceptions import ConnectionClosed

from agent.csms.adapter import LinkLostError
from agent.csms.connection import Connection
from agent.csms.frame_log import FrameSink
from agent.csms.schemas import Schemas


class Wire:
    """Sends and receives text."""

    def __init__(self, connection: Connection, schemas: Schemas, frames: FrameSink) -> None:
        self._connection = connection
        self._frames = frames
        self.schemas = schemas

    async def recv(self) -> str:
        """Wait for the next text; a binary message is given as its Latin-1 text, which is no frame of ours.

        Raises: LinkLostError.
        """
        try:
            data = await self._connection.recv()
        except (ConnectionClosed, OSError) as error:
            raise LinkLostError(_why(error)) from error
        text = data if isinstance(data, str) else f"binary: {data.decode('latin-1')}"
        self._frames.received(text)
        return text

    async def send(self, text: str) -> None:
        """Send one text. Raises: LinkLostError."""
        self._frames.sent(text)
        try:
            await self._connection.send(text)
        except (ConnectionClosed, OSError) as error:
            raise LinkLostError(_why(error)) from error


def _why(error: ConnectionClosed | OSError) -> str:
    if isinstance(error, ConnectionClosed) and (frame := error.rcvd or error.sent) is not None:
        who = "the back-end" if error.rcvd is not None else "we"
        return f"{who} closed the connection: {frame.code} {frame.reason}".rstrip()
    return "the connection broke without a close frame"
