"""What was last read of a Modbus charge controller, by its profile (rule): registers in, a report out.

Neighbouring registers are asked for together; registers that no profile names are never asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from hal.api import BadFrameError, Fault, PilotState
from hal.codecs.modbus_frame import ReadRequest
from hal.codecs.registers import Encoding, decode, scaled
from hal.controllers.points import ENCODING_REGISTERS, READ_FUNCTION, ControllerProfile, Quantity, Span, Table
from hal.value import dataclass

MAX_REGISTERS: Final = 60
_BYTE: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Report:
    """What one poll shows."""

    shown: str
    """The state as the profile's text for it."""
    pilot: PilotState | None
    """None while the controller shows a fault in place of it."""
    faults: Mapping[Fault, str]
    setting: int
    """The current register, raw."""
    enabled: bool
    """True: it would give power to a car that asks."""
    offered_a: Decimal
    """The largest current that it may be offering."""
    is_charging: bool
    """True: the state is one that is shown while the contactor is closed."""
    evidence: bool | None
    """What the contactor's own register or the measured current say of it; None: neither is there, or no current."""


class ControllerImage:
    """Registers of one charging point."""

    def __init__(self, profile: ControllerProfile, unit: int, charging_point: int = 1) -> None:
        self._profile = profile
        self._unit = unit
        self._base = charging_point * profile.line.registers_per_point
        self._words: dict[tuple[Table, int], int] = {}
        self.current_scale = profile.current.quantity.scale
        """A for one step of the current register."""

    @property
    def fast_reads(self) -> tuple[ReadRequest, ...]:
        """What tells the state: asked for at each poll."""
        profile = self._profile
        optional = (profile.enable, profile.contactor, profile.errors)
        spans = [profile.state.span, profile.current.quantity.span, *(each.span for each in optional if each)]
        spans += [profile.actual_current] if profile.actual_current else []
        spans += [profile.flow.quantity.span] if profile.flow else []
        return self._reads(spans)

    @property
    def slow_reads(self) -> tuple[ReadRequest, ...]:
        """What changes slowly, or tells of a restart."""
        profile = self._profile
        spans = [quantity.span for quantity in profile.temperatures.values()]
        spans += [each.span for each in (profile.proximity, profile.lock) if each]
        spans += [profile.watchdog.timeout, profile.watchdog.fail_safe] if profile.watchdog else []
        return self._reads(spans)

    @property
    def first_reads(self) -> tuple[ReadRequest, ...]:
        """What is asked for once at each connection."""
        profile, fine = self._profile, self._profile.current.fine
        spans = [setup.span for setup in profile.setup]
        spans += [profile.firmware.span] if profile.firmware else []
        spans += [fine.span] if fine else []
        return self._reads(spans)

    def take(self, request: ReadRequest, words: Sequence[int]) -> None:
        """Note the words that answered a request."""
        table = next(table for table, function in READ_FUNCTION.items() if function == request.function)
        self._words.update({(table, request.address + index): word for index, word in enumerate(words)})

    def address(self, span: Span) -> int:
        """Address of a span on the wire."""
        return span.address if span.is_shared else self._base + span.address

    def word(self, span: Span) -> int:
        """First word of a span. Raises: BadFrameError if it was never read."""
        return self.words(span)[0]

    def words(self, span: Span) -> tuple[int, ...]:
        """Words of a span. Raises: BadFrameError if they were never read."""
        start = self.address(span)
        try:
            return tuple(self._words[span.table, start + index] for index in range(span.count))
        except KeyError as error:
            raise BadFrameError(f"{span.table} {start} was not read") from error

    def identify(self) -> str:
        """Firmware as told, "unknown" where nothing tells it; settles the unit of current with it."""
        firmware, fine = self._profile.firmware, self._profile.current.fine
        if firmware is None:
            return "unknown"
        words = self.words(firmware.span)
        if fine is not None:
            applies = words[0] >= fine.firmware_min and self.word(fine.span) >> fine.bit & 1
            self.current_scale = fine.scale if applies else self._profile.current.quantity.scale
        if firmware.format == "number":
            return str(words[0])
        text = b"".join(word.to_bytes(2, "big") for word in words)
        return text.decode("ascii", "replace").strip("\0 ") or "unknown"

    def values(self, quantity: Quantity) -> tuple[Decimal | None, ...]:
        """Values of a quantity, scaled; None for one that is not available."""
        words, width = self.words(quantity.span), ENCODING_REGISTERS[quantity.encoding]
        encoding, low_first = Encoding(quantity.encoding), self._profile.line.low_word_first
        raw = [decode(words[at : at + width], encoding, low_word_first=low_first) for at in range(0, len(words), width)]
        return tuple(None if value is None else scaled(value, quantity.scale) for value in raw)

    def report(self) -> Report:
        """What the registers say together. Raises: BadFrameError if some were never read."""
        profile, state = self._profile, self._profile.state
        shown = self._shown()
        setting = self.word(profile.current.quantity.span)
        enabled = setting > 0 or not profile.current.zero_is_off
        if profile.enable is not None:
            enabled = enabled and self.word(profile.enable.span) != profile.enable.off
        offered_a = setting * self.current_scale if enabled else Decimal(0)
        if profile.actual_current is not None:
            offered_a = max(offered_a, self.word(profile.actual_current) * self.current_scale)
        return Report(
            shown=shown,
            pilot=state.pilot.get(shown),
            faults=self._faults(shown),
            setting=setting,
            enabled=enabled,
            offered_a=offered_a,
            is_charging=shown in state.charging,
            evidence=self._evidence(),
        )

    def _shown(self) -> str:
        word = self.word(self._profile.state.span)
        match self._profile.state.format:
            case "number":
                return str(word)
            case "ascii_high":
                return chr(word >> 8)
            case "ascii_low":
                return chr(word & _BYTE)

    def _faults(self, shown: str) -> dict[Fault, str]:
        state, errors = self._profile.state, self._profile.errors
        faults: dict[Fault, str] = {}
        if shown not in state.pilot:
            faults[state.faults.get(shown, state.other_fault)] = f"controller shows state {shown!r}"
        elif state.pilot[shown] is PilotState.D:
            faults[Fault.VENTILATION_REQUIRED] = "pilot state D"
        if errors is None:
            return faults
        word = self.word(errors.span)
        faults |= {fault: f"error bit 0x{mask:X}" for mask, fault in errors.bits.items() if word & mask}
        if word and errors.codes:
            faults[errors.codes.get(word, Fault.BOARD_INTERNAL)] = f"error code {word}"
        return faults

    def _evidence(self) -> bool | None:
        contactor, flow = self._profile.contactor, self._profile.flow
        if contactor is not None:
            return self.word(contactor.span) in contactor.values
        if flow is not None and any((value or 0) > flow.threshold_a for value in self.values(flow.quantity)):
            return True
        return None

    def _reads(self, spans: Iterable[Span]) -> tuple[ReadRequest, ...]:
        """Ask for spans of one table that touch each other at once."""
        blocks: list[tuple[Table, int, int]] = []
        for table, start, count in sorted({(span.table, self.address(span), span.count) for span in spans}):
            end = start + count
            if blocks and blocks[-1][0] == table and blocks[-1][2] >= start and end - blocks[-1][1] <= MAX_REGISTERS:
                blocks[-1] = (table, blocks[-1][1], max(end, blocks[-1][2]))
            else:
                blocks.append((table, start, end))
        return tuple(ReadRequest(self._unit, READ_FUNCTION[table], start, end - start) for table, start, end in blocks)
