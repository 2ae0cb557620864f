"""A simulated safety controller on a CAN bus instead of a serial line (rule).

Source: facts boards_protocols, chargebyte: the same frames, COM as identifier.
"""

from hal.codecs.can_frame import from_can, to_can
from hal.codecs.safety_frame import SafetyFrameDecoder, encode_frame
from hil.can_bus import BusFrame, CanBus
from hil.devices.safety_board import SafetyBoard


def join_can(board: SafetyBoard, bus: CanBus) -> None:
    """Put the board on the bus; it leaves its serial line."""
    decoder = SafetyFrameDecoder()

    def hear(frame: BusFrame) -> None:
        safety = (
            None
            if frame.remote_length is not None
            else from_can(frame.arbitration_id, frame.data, extended=frame.extended)
        )
        if safety is not None:
            board.receive(encode_frame(safety))

    send = bus.attach(hear)

    def tell(data: bytes) -> None:
        for frame in decoder.feed(data):
            send(BusFrame(*to_can(frame)))

    board.output = tell
