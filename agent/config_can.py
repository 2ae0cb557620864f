"""What the line of a board demands: a serial device, or a CAN bus with what its interface needs (rule)."""

import re
from collections.abc import Callable
from typing import Final, NoReturn

from agent.config_errors import KeyPath
from agent.config_tables import BoardConfig

Refuse = Callable[[KeyPath, str], NoReturn]

_INTERFACE_NAME: Final = re.compile(r"[^/\s]{1,15}")  # Linux, IFNAMSIZ
_ADAPTER: Final = "the path of the adapter's serial device, such as /dev/serial/by-id/can"


def check_board_line(board: BoardConfig, path: KeyPath, refuse: Refuse) -> None:
    """Refuse a board without a line, with two, or with half a CAN bus."""
    if board.can_interface is None:
        for key in ("can_channel", "can_bitrate"):
            if getattr(board, key) is not None:
                refuse((*path, key), "no such key without can_interface")
        if board.port is None:
            other = ", or can_interface and can_channel" if board.driver == "safety" else ""
            refuse((*path, "port"), f"the serial device of the board{other}")
        return
    for key in ("port", "baudrate"):
        if getattr(board, key) is not None:
            refuse((*path, key), f"no such key, because can_interface is {board.can_interface!r}")
    if board.can_interface == "slcan":
        _check_slcan(board, path, refuse)
    else:
        _check_socketcan(board, path, refuse)


def _check_slcan(board: BoardConfig, path: KeyPath, refuse: Refuse) -> None:
    if not (board.can_channel or "").startswith("/"):
        refuse((*path, "can_channel"), f"{_ADAPTER}, because can_interface is 'slcan'")
    if board.can_bitrate is None:
        refuse((*path, "can_bitrate"), "the bit rate of the bus, because can_interface is 'slcan'")


def _check_socketcan(board: BoardConfig, path: KeyPath, refuse: Refuse) -> None:
    if not _INTERFACE_NAME.fullmatch(board.can_channel or ""):
        refuse(
            (*path, "can_channel"), "the name of a network interface such as can0, because can_interface is 'socketcan'"
        )
    if board.can_bitrate is not None:
        command = f"ip link set {board.can_channel} type can bitrate {board.can_bitrate}"
        refuse((*path, "can_bitrate"), f"no such key: the system sets a socketcan interface ({command})")
