"""What a replay answers, and what its clock waits for, whatever rhythm the agent asks in."""

import math

from hal.codecs.rapi import xor_checksum
from hal.codecs.recording import Direction, Recording, WireBytes
from hil.replay_line import LineScript
from hil.replay_requests import Request, protocol_of
from hil.replay_script import Script

BOARD, READER, METER = "evse1/board", "reader1", "evse1/meter"
KINDS = {BOARD: "rapi", READER: "card_lines", METER: "modbus_rtu"}
STATE_A, STATE_B, STATE_C = (b"$OK 0%d 0 0%d 0200" % (n, n) for n in (1, 2, 3))
SLOW_S = 1.0


def to(t: float, text: bytes, line: str = BOARD) -> WireBytes:
    return WireBytes(t, line, Direction.TO_DEVICE, checked(text) if line == BOARD else text)


def fr(t: float, text: bytes, line: str = BOARD) -> WireBytes:
    return WireBytes(t, line, Direction.FROM_DEVICE, checked(text) if line == BOARD else text)


def checked(text: bytes) -> bytes:
    return text + b"^%02X\r" % xor_checksum(text)


def asked(t: float, question: bytes, answer: bytes, line: str = BOARD, takes_s: float = 0.01) -> list[WireBytes]:
    return [to(t, question, line), fr(t + takes_s, answer, line)]


def script(*entries: WireBytes | list[WireBytes]) -> Script:
    flat = [each for entry in entries for each in (entry if isinstance(entry, list) else [entry])]
    lines = {each.line: {"kind": KINDS[each.line]} for each in flat}
    return Script(Recording(lines, tuple(sorted(flat, key=lambda each: each.t)), None, masked=False))


def say(line: LineScript, question: bytes, now: float) -> bytes | None:
    exchange = line.answer(Request(question, slot_of(question)), now)
    return None if exchange is None else b"".join(data for _, data in exchange.answer).partition(b"^")[0]


def slot_of(question: bytes) -> bytes | None:
    return protocol_of("rapi").request(checked(question)).slot


def gate_t(played: Script) -> float:
    gate = played.gate()
    assert gate is not None
    return gate.t


def test_no_card_is_shown_before_the_agent_has_seen_the_car_that_was_there_before_it() -> None:
    card = fr(2.0, b"04AABBCC\r\n", READER)
    played = script(asked(0.0, b"$GS", STATE_A), asked(1.9, b"$GS", STATE_B), card, asked(5.0, b"$GS", STATE_B))
    board = played.lines[BOARD]
    assert say(board, b"$GS", 0.0) == STATE_A
    assert say(board, b"$GS", 1.5) == STATE_A
    assert 1.91 < gate_t(played) < 2.0
    assert say(board, b"$GS", gate_t(played)) == STATE_B
    assert gate_t(played) < 2.0, "what was sent just now need not have been dealt with"
    assert say(board, b"$GS", gate_t(played)) == STATE_B
    assert played.gate() is None


def test_a_replay_is_not_over_before_the_agent_has_seen_the_last_that_changed() -> None:
    played = script(asked(0.0, b"$GS", STATE_A), asked(1.0, b"$GS", STATE_B))
    board = played.lines[BOARD]
    say(board, b"$GS", 0.0)
    say(board, b"$GS", 0.5)
    assert played.end - 0.001 < gate_t(played) < played.end + 0.001
    say(board, b"$GS", played.end)
    board.saw(board.exchanges[-1])
    assert played.gate() is None


def test_a_question_is_answered_as_before_an_order_until_the_agent_has_given_it() -> None:
    played = script(asked(0.0, b"$GS", STATE_A), asked(1.0, b"$FE", b"$OK"), asked(1.1, b"$GS", STATE_B))
    board = played.lines[BOARD]
    say(board, b"$GS", 0.0)
    assert say(board, b"$GS", 1.0) == STATE_A
    assert gate_t(played) == 1.0
    assert say(board, b"$FE", 1.0) == b"$OK"
    assert say(board, b"$GS", 1.0) == STATE_B


def test_time_follows_an_agent_that_gives_an_order_sooner_than_it_was_given_then() -> None:
    played = script(asked(0.0, b"$GS", STATE_A), asked(3.0, b"$FE", b"$OK"), asked(3.1, b"$GS", STATE_B))
    board = played.lines[BOARD]
    say(board, b"$GS", 0.0)
    say(board, b"$FE", 1.0)
    assert played.reached() == 3.0
    assert say(board, b"$GS", 1.0) == STATE_B


def test_an_order_counts_only_once_what_was_set_before_it_has_been_set() -> None:
    orders = (asked(t, text, b"$OK") for t, text in ((0.1, b"$FD"), (1.0, b"$FE"), (2.0, b"$FD")))
    played = script(*orders, asked(3.0, b"$GS", STATE_A))
    board = played.lines[BOARD]
    say(board, b"$FD", 0.1)
    say(board, b"$FD", 0.2)
    assert gate_t(played) == 1.0
    assert played.reached() == 0.1


def test_a_board_is_silent_to_the_agent_as_long_as_it_was() -> None:
    silence = [to(t, b"$GS") for t in (1.0, 2.0, 3.0)]
    played = script(asked(0.0, b"$GS", STATE_A), *silence, asked(4.0, b"$GS", STATE_A))
    board = played.lines[BOARD]
    answers = [say(board, b"$GS", t) for t in (0.5, 1.5, 2.5, 3.9, 4.1)]
    assert answers == [STATE_A, None, None, None, STATE_A]


def test_a_board_that_boots_first_answers_no_sooner_than_it_did() -> None:
    boot = [to(0.0, b"$GV"), to(1.7, b"$GV")]
    played = script(*boot, asked(3.6, b"$GV", b"$OK 8.2.3 5.2.1"))
    assert say(played.lines[BOARD], b"$GV", 0.0) is None
    assert say(played.lines[BOARD], b"$GV", 3.6) == b"$OK 8.2.3 5.2.1"


def test_one_answer_that_was_lost_is_given() -> None:
    played = script(asked(0.0, b"$GS", STATE_A), to(1.0, b"$GS"), asked(2.5, b"$GS", STATE_A))
    assert say(played.lines[BOARD], b"$GS", 1.5) == STATE_A


def test_an_answer_that_came_late_once_comes_late_once() -> None:
    slow = asked(1.0, b"$GS", STATE_C, takes_s=SLOW_S)
    played = script(asked(0.0, b"$GS", STATE_A), slow, asked(9.0, b"$GS", STATE_C))
    exchange = played.lines[BOARD].exchanges[1]
    (first_s, _), (again_s, _) = exchange.delays(1.2)[0], exchange.delays(2.5)[0]
    assert math.isclose(first_s, 0.8)
    assert again_s < 0.1


def test_nobody_waits_for_a_measurement() -> None:
    read = bytes.fromhex("0104000000127007")
    values = [asked(t, read, b"\1\4\2" + bytes([t]) * 4, METER) for t in range(4)]
    currents = [asked(t + 0.5, b"$GG", b"$OK %d 0" % t) for t in range(9)]
    played = script(*values, *currents)
    assert played.gate() is None
    request = protocol_of("modbus_rtu").request(read)
    exchanges = [played.lines[METER].answer(request, now) for now in (0.4, 0.6, 2.9)]
    assert [each.t for each in exchanges if each is not None] == [0.0, 1.0, 3.0]


def test_a_meter_that_was_read_after_something_else_had_changed_is_never_read_as_before_it() -> None:
    read = bytes.fromhex("0104000000127007")
    readings = [asked(t, read, bytes([int(10 * t)]) * 7, METER) for t in (0.9, 1.5)]
    played = script(asked(0.0, b"$GS", STATE_C), asked(1.0, b"$GS", STATE_A), *readings, asked(2.0, b"$GS", STATE_A))
    exchange = played.lines[METER].answer(protocol_of("modbus_rtu").request(read), 1.1)
    assert exchange is not None
    assert exchange.t == 1.5


def test_a_question_that_this_agent_does_not_ask_is_waited_for_once() -> None:
    stays = [asked(t, b"$GE", b"$OK %d 0021" % t) for t in (1, 2, 3)]
    played = script(*stays, asked(4.0, b"$GS", STATE_A))
    board = played.lines[BOARD]
    say(board, b"$GS", 4.1)
    board.saw(board.exchanges[-1])
    gate = played.gate()
    assert gate is not None
    board.give_up_sight(gate.exchange)
    assert played.gate() is None


def test_an_answer_behind_a_stray_line_feed_is_renumbered_with_a_checksum_that_holds() -> None:
    fitted = protocol_of("rapi").fit(b"\n" + checked(STATE_B + b" :12"), Request(b"$GS", None, b"7F"))
    body, _, checksum = fitted.rstrip(b"\r").partition(b"^")
    assert body == STATE_B + b" :7F"
    assert checksum == b"%02X" % xor_checksum(body)


def test_seconds_of_charging_are_no_news() -> None:
    polls = [asked(t, b"$GS", b"$OK 03 %d 03 0150" % t) for t in range(5)]
    news = script(*polls).lines[BOARD].news
    assert [each.t for each in news] == [0.0]
