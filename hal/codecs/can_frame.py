"""Frames of chargebyte's safety controller on CAN (rule).

A base frame whose 11-bit identifier is COM and whose data are the eight bytes; CAN's own checksum replaces the frame's.
Source: facts: boards_protocols, chargebyte ("mirrors UART frames to a CAN interface (id = COM)").
"""

from hal.codecs.safety_frame import DATA_SIZE, MAX_COM, SafetyFrame


def to_can(frame: SafetyFrame) -> tuple[int, bytes]:
    """Return arbitration identifier (11 bits) and data."""
    return frame.com, frame.data


def from_can(arbitration_id: int, data: bytes, *, extended: bool = False) -> SafetyFrame | None:
    """Return the safety frame in a CAN message; None if it carries none."""
    if extended or not 0 <= arbitration_id <= MAX_COM or len(data) != DATA_SIZE:
        return None
    return SafetyFrame(arbitration_id, bytes(data))
