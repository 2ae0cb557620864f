"""Frames of the safety controller put together without the codec: facts boards_protocols, chargebyte."""


def crc8_j1850(data: bytes) -> int:
    """CRC8 SAE-J1850, bit by bit: polynomial 1D, start FF, final exclusive or FF; "123456789" gives 4B."""
    register = 0xFF
    for byte in data:
        for bit in range(7, -1, -1):
            feedback = (register >> 7 & 1) ^ (byte >> bit & 1)
            register = register << 1 & 0xFF
            if feedback:
                register ^= 0x1D
    return register ^ 0xFF


def frame(com: int, data: str) -> bytes:
    body = bytes([com]) + bytes.fromhex(data)
    return b"\xa5" + body + bytes([crc8_j1850(body)]) + b"\x03"
