"""Register contents of all mapped models, with addresses and widths written by hand, and what they must read as.

Every model shows the same quantities as far as it has them; nothing but the listed registers may be read.
"""

import struct
from dataclasses import dataclass

V = (230.5, 231.5, 229.5)
A = (16.25, 15.75, 16.5)
W = (3745.0, 3646.0, 3786.0)
TOTAL_W = 11177.0
HZ = 50.0
WH = 1_234_500
EXPORT_WH = 4_300


@dataclass(frozen=True)
class Image:
    """Registers of one model at one moment."""

    function: int
    registers: dict[int, int]
    phases: int = 3
    volts: bool = True
    phase_watts: bool = True
    hertz: bool = True
    exports: bool = True
    energy: bool = True


def block(address: int, form: str, *values: float, low_first: bool = False) -> dict[int, int]:
    """Consecutive registers holding `values`, each in the struct format `form`."""
    words: list[int] = []
    for value in values:
        data = struct.pack(">" + form, value if form == "f" else int(value))
        found = struct.unpack(f">{len(data) // 2}H", data)
        words += reversed(found) if low_first else found
    return dict(enumerate(words, start=address))


def scaled(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(round(value * factor) for value in values)


def eastron(*, phases: int = 3) -> dict[int, int]:
    totals = block(0x46, "f", HZ, WH / 1000, EXPORT_WH / 1000)
    if phases == 1:
        return block(0, "f", V[0]) | block(6, "f", A[0]) | block(0x0C, "f", TOTAL_W) | totals
    return block(0, "f", *V, *A, *W) | block(0x34, "f", TOTAL_W) | totals


def gavazzi_head(*, watts: bool = True) -> dict[int, int]:
    head = block(0x00, "i", *scaled(V, 10), low_first=True) | block(0x0C, "i", *scaled(A, 1000), low_first=True)
    total = block(0x28, "i", TOTAL_W * 10, low_first=True)
    return head | total | (block(0x12, "i", *scaled(W, 10), low_first=True) if watts else {})


def gavazzi(hertz: int, energy: int, export: int) -> dict[int, int]:
    counters = block(energy, "i", WH / 100, low_first=True) | block(export, "i", EXPORT_WH / 100, low_first=True)
    return gavazzi_head() | block(hertz, "h", HZ * 10) | counters


def iskra(exponent: int, mantissa: float) -> tuple[int, int]:
    value = (exponent & 0xFF) << 24 | int(mantissa) & 0xFFFFFF
    return value >> 16, value & 0xFFFF


def iskra_meter() -> dict[int, int]:
    registers: dict[int, int] = {}
    at = (
        [(0x69, -2, HZ * 100)]
        + [(0x6B + 2 * i, -1, v * 10) for i, v in enumerate(V)]
        + [(0x7E + 2 * i, -3, a * 1000) for i, a in enumerate(A)]
        + [(0x8C, 0, TOTAL_W)]
        + [(0x8E + 2 * i, 0, w) for i, w in enumerate(W)]
    )
    for address, exponent, mantissa in at:
        registers |= dict(enumerate(iskra(exponent, mantissa), start=address))
    return registers | {414: 1, 415: 0xFFFF} | block(418, "i", WH / 10) | block(420, "i", EXPORT_WH * 10)


def sunspec(base: int, model: int, length: int, body: dict[int, int]) -> dict[int, int]:
    start = base + 2
    common = block(start, "H", 1, 65, *[0x4141] * 65)
    start += 67
    registers = block(start, "H", model, length, *[0] * length) | block(start + 2 + length, "H", 0xFFFF, 0)
    return (
        block(base, "H", 0x5375, 0x6E53) | common | registers | {start + offset: word for offset, word in body.items()}
    )


def sunspec_integers() -> dict[int, int]:
    """Scale factors: A at 6, V at 15, Hz at 17, W at 22, Wh at 54."""
    return (
        block(2, "h", 4850, *scaled(A, 100), -2)
        | block(7, "h", 2305, *scaled(V, 10))
        | block(15, "h", -1)
        | block(16, "h", 5000, -2)
        | block(18, "h", TOTAL_W, *W, 0)
        | block(38, "I", EXPORT_WH / 100)
        | block(46, "I", WH / 100)
        | block(54, "h", 2)
    )


def sunspec_floats() -> dict[int, int]:
    return (
        block(4, "f", *A)
        | block(0x0C, "f", *V)
        | block(0x1A, "f", HZ, TOTAL_W, *W)
        | block(0x3C, "f", EXPORT_WH)
        | block(0x44, "f", WH)
    )


IMAGES = {
    "eastron_sdm630": Image(4, eastron()),
    "eastron_sdm72dm_v2": Image(4, eastron()),
    "eastron_sdm72dm_v1": Image(
        4,
        block(0x34, "f", TOTAL_W) | block(0x48, "f", WH / 1000, EXPORT_WH / 1000),
        phases=0,
        volts=False,
        hertz=False,
    ),
    "eastron_sdm120": Image(4, eastron(phases=1), phases=1, phase_watts=False),
    "eastron_sdm230": Image(4, eastron(phases=1), phases=1, phase_watts=False),
    "carlo_gavazzi_em340": Image(4, gavazzi(0x33, 0x34, 0x4E)),
    "carlo_gavazzi_em24": Image(4, gavazzi(0x37, 0x42, 0x5C)),
    "phoenix_eem_350_mcb": Image(
        4,
        gavazzi_head(watts=False) | block(0x3E, "i", WH / 100, low_first=True),
        phase_watts=False,
        hertz=False,
        exports=False,
    ),
    "abb_b23_b24": Image(
        3,
        block(0x5B00, "I", *scaled(V, 10))
        | block(0x5B0C, "I", *scaled(A, 100))
        | block(0x5B14, "i", TOTAL_W * 100, *scaled(W, 100))
        | block(0x5B2C, "H", HZ * 100)
        | block(0x5000, "Q", WH / 10, EXPORT_WH / 10),
    ),
    "schneider_iem3155": Image(
        3,
        block(0x0BD3, "f", *V)
        | block(0x0BB7, "f", *A)
        | block(0x0BED, "f", *(w / 1000 for w in W), TOTAL_W / 1000)
        | block(0x0C25, "f", HZ)
        | block(0x0C83, "q", WH, EXPORT_WH),
    ),
    "janitza_umg": Image(
        3,
        block(0x4A38, "f", *V)
        | block(0x4A44, "f", *A)
        | block(0x4A4C, "f", *W, TOTAL_W)
        | block(0x4A6A, "f", HZ)
        | block(0x4A7C, "f", WH)
        | block(0x4A84, "f", EXPORT_WH),
    ),
    "finder_7m38": Image(
        4,
        block(2500, "f", *V)
        | block(2516, "f", *A)
        | block(2530, "f", *W, TOTAL_W)
        | block(2584, "f", HZ)
        | block(2752, "f", WH)
        | block(2756, "f", EXPORT_WH),
    ),
    "iskra_wm3m4c": Image(4, iskra_meter()),
    "carlo_gavazzi_em580": Image(4, gavazzi_head() | block(0x33, "h", HZ * 10), exports=False, energy=False),
    "sunspec_201_204": Image(3, sunspec(40000, 203, 105, sunspec_integers())),
    "sunspec_213": Image(3, sunspec(50000, 213, 124, sunspec_floats())),
}
