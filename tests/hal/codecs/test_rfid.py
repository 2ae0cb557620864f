"""UID lines as readers send them: facts lessons_and_rules 1.8 (77)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs.rfid import AT_ONCE_S, DEBOUNCE_S, MAX_LINE_BYTES, CardDebounce, UidDecoder, UidFormat


@pytest.mark.parametrize(
    ("line", "uid"),
    [
        (b"04A2B3C4\r\n", "04A2B3C4"),
        (b"04a2b3c4d5e6f7\n", "04A2B3C4D5E6F7"),
        (b"0102030405060708090A\r", "0102030405060708090A"),
        (b"\x0204 A2 B3 C4\x03", "04A2B3C4"),
        (b"04:A2:b3:C4\r\n", "04A2B3C4"),
        (b"\x00\x0004A2B3C4\n", "04A2B3C4"),
    ],
)
def test_uid_line_is_read(line: bytes, uid: str) -> None:
    assert UidDecoder(UidFormat()).feed(line) == [uid]


def test_case_and_byte_order_follow_the_settings() -> None:
    assert UidDecoder(UidFormat(case="lower", byte_order="lsb")).feed(b"C4B3A204\n") == ["04a2b3c4"]


@pytest.mark.parametrize("line", [b"04A2B3\n", b"hello you\n", b"04A2B3C\n", b"\xff\xfe\n", b"0" * 10_000 + b"\n"])
def test_line_that_is_no_uid_is_counted_and_the_next_one_read(line: bytes) -> None:
    decoder = UidDecoder(UidFormat())
    assert decoder.feed(line + b"04A2B3C4\n") == ["04A2B3C4"]
    assert decoder.bad_lines == 1


def test_length_that_is_not_configured_is_no_uid() -> None:
    decoder = UidDecoder(UidFormat(lengths=(7,)))
    assert decoder.feed(b"04A2B3C4\n04A2B3C4D5E6F7\n") == ["04A2B3C4D5E6F7"]


@given(st.binary(max_size=500))
def test_no_bytes_crash_the_decoder_or_fill_it(data: bytes) -> None:
    decoder = UidDecoder(UidFormat())
    decoder.feed(data)
    assert len(decoder._line) <= MAX_LINE_BYTES
    assert decoder.feed(b"\n04A2B3C4\n")[-1] == "04A2B3C4"


def test_card_held_for_long_counts_once() -> None:
    debounce = CardDebounce()
    assert [debounce.counts(["A"], at_s / 10) for at_s in range(200)] == ["A"] + 199 * [None]


def test_same_card_counts_again_after_the_debounce_and_not_before() -> None:
    debounce = CardDebounce()
    assert debounce.counts(["A"], 0) == "A"
    assert debounce.counts(["A"], DEBOUNCE_S - 0.01) is None
    assert debounce.counts(["A"], 2 * DEBOUNCE_S) == "A"


def test_cards_at_once_are_one_token_also_when_they_take_turns() -> None:
    debounce = CardDebounce()
    assert debounce.counts(["A", "B"], 0) == "A"
    told = [debounce.counts([uid], step * 0.2) for step, uid in enumerate("ABABABBBBBBBBBBB", start=1)]
    assert told == 16 * [None]


def test_card_that_shows_another_random_uid_each_time_is_one_token() -> None:
    debounce = CardDebounce()
    told = [debounce.counts([f"08{step:06X}"], step * 0.2) for step in range(50)]
    assert told[0] == "08000000"
    assert not any(told[1:])


def test_next_driver_s_card_counts_without_waiting_for_the_debounce() -> None:
    debounce = CardDebounce()
    debounce.counts(["A"], 0)
    assert debounce.counts(["B"], AT_ONCE_S) == "B"
