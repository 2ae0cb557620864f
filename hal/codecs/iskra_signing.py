"""The signing block of Iskra's WM3M4 and WM3M4C (rule): where things lie, and text to registers and back.

The meter signs a dataset, which is the payload of an OCMF record; record and signature lie apart. The dataset is never
parsed or written anew here: its signature covers its bytes. Not tried against a physical meter.
Source: facts meters.yaml, iskra_wm3m4c, signing; the serial number's place from EVerest's RsIskraMeter.
"""

import json
from typing import Final

from hal.api import BadFrameError
from hal.signed_meter import SigningRequest

HOLDING: Final = 3
INPUT: Final = 4

SERIAL_NUMBER: Final = 9
"""Input registers; everything below is holding registers."""
SERIAL_NUMBER_COUNT: Final = 4
STATE: Final = 7000
COMMAND: Final = 7051
COMMAND_STATUS: Final = 7052
TIME_ZONE_MINUTES: Final = 7053
UNIX_TIME: Final = 7054
METADATA_LENGTH: Final = 7056
DATASET_LENGTH: Final = 7057
SIGNATURE_LENGTH: Final = 7058
SIGNATURE_FORMAT: Final = 7059
TIME_STATUS: Final = 7071
METADATA: Final = 7100
DATASET: Final = 7612
PUBLIC_KEY: Final = 8124
PUBLIC_KEY_COUNT: Final = 32
SIGNATURE: Final = 8188

START_TRANSACTION: Final = 0x4200
STOP_TRANSACTION: Final = 0x7200
SYNCHRONISED: Final = 2
DEFAULT_SIGNATURE_FORMAT: Final = 0
MAX_TEXT_BYTES: Final = 1024
"""Metadata and dataset have 512 registers each."""
MAX_SIGNATURE_BYTES: Final = 80
"""A DER signature of P-256 has at most 72; two superfluous bytes and slack."""

STATUS_SIGNED: Final = 15
STATUS_WAITING: Final = frozenset({0, 1, 2})
STATUS_NAMES: Final = {128: "invalid date or time", 129: "checksum error", 130: "invalid command"}
"""From 128 on, a command failed."""
FIRST_FAILURE: Final = 128

SIGNING_METHOD: Final = "ECDSA-secp256r1-SHA256"
_KEY_PREFIX: Final = "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
"""SubjectPublicKeyInfo of an uncompressed P-256 point."""
_SEPARATOR: Final = "|"
_DER_SEQUENCE, _DER_INTEGER = 0x30, 0x02


def metadata(request: SigningRequest) -> str:
    """Payload template that the meter completes; OCMF's separator is replaced, for no record may hold it.

    Raises: ValueError if it does not fit into the meter.
    """
    tariff = {"TT": request.tariff_text} if request.tariff_text else {}
    text = json.dumps(
        {
            "FV": "1.3" if tariff else "1.0",
            **dict.fromkeys(("GI", "GS", "GV", "PG", "MV", "MM", "MS", "MF"), ""),
            "IS": bool(request.identification),
            "IF": [*request.identification_flags],
            "IT": request.identification_type,
            "ID": request.identification,
            **tariff,
            "CT": "CBIDC",
            "CI": request.charge_point_id,
            "RD": [],
        },
        separators=(",", ":"),
    ).replace(_SEPARATOR, " ")
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise ValueError(f"metadata of {len(text.encode())} bytes, the meter takes {MAX_TEXT_BYTES}")
    return text


def ocmf_record(dataset: str, signature: bytes) -> str:
    """Join what the meter signed with its signature. Raises: BadFrameError if either cannot be part of a record."""
    if not dataset.startswith("{") or _SEPARATOR in dataset:
        raise BadFrameError("the meter's dataset is no OCMF payload")
    return f'OCMF|{dataset}|{{"SA":"{SIGNING_METHOD}","SD":"{normalised(signature).hex().upper()}"}}'


def normalised(signature: bytes) -> bytes:
    """DER signature without superfluous leading zeros in its two numbers. Raises: BadFrameError if it is none."""
    numbers: list[bytes] = []
    at = 2
    if len(signature) < at or signature[0] != _DER_SEQUENCE or signature[1] != len(signature) - at:
        raise BadFrameError("the meter's signature is not DER")
    while at < len(signature):
        end = at + 2 + (signature[at + 1] if at + 1 < len(signature) else 0)
        if signature[at] != _DER_INTEGER or end > len(signature) or end == at + 2:
            raise BadFrameError("the meter's signature is not two numbers")
        numbers.append(_shortest(signature[at + 2 : end]))
        at = end
    if len(numbers) != 2:  # noqa: PLR2004 - r and s
        raise BadFrameError("the meter's signature is not two numbers")
    body = b"".join(bytes([_DER_INTEGER, len(number)]) + number for number in numbers)
    return bytes([_DER_SEQUENCE, len(body)]) + body


def _shortest(number: bytes) -> bytes:
    number = number.lstrip(b"\0")
    return b"\0" + number if not number or number[0] & 0x80 else number


def public_key(words: tuple[int, ...]) -> str:
    """Key in the form that verifiers read: SubjectPublicKeyInfo, hexadecimal."""
    return _KEY_PREFIX + to_bytes(words, 2 * PUBLIC_KEY_COUNT).hex().upper()


def to_words(data: bytes) -> tuple[int, ...]:
    """Two bytes a register, the first one high; an odd end is filled with zero."""
    padded = data + b"\0" * (len(data) % 2)
    return tuple(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))


def to_bytes(words: tuple[int, ...], length: int) -> bytes:
    """First `length` bytes of registers."""
    return b"".join(word.to_bytes(2, "big") for word in words)[:length]


def to_text(words: tuple[int, ...], length: int) -> str:
    """Text of so many bytes. Raises: BadFrameError if it is none."""
    try:
        return to_bytes(words, length).decode()
    except UnicodeDecodeError as error:
        raise BadFrameError("the meter's text is not UTF-8") from error
