"""Quirks of what stands in an answer: shapes, types, values, registration, time, transactions and tokens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from hil.csms.wire import RESULT, Message
from hil.csms.zoo.answers import but_boot
from hil.csms.zoo.quirk import Answer, Frame, Line, Quirk, dump

Payload = dict[str, Any]
Edit = Callable[[Payload], Any]

START = frozenset({"StartTransaction", "TransactionEvent"})
TAGGED = frozenset({"Authorize", "StartTransaction", "StopTransaction"})
STOP = frozenset({"StopTransaction"})
BOOT = frozenset({"BootNotification"})
CLOCK = frozenset({"BootNotification", "Heartbeat"})
YEAR_S = 365 * 86_400
YEARS = timedelta(days=12 * 365)
V16 = ("1.6",)


def edited(edit: Edit, actions: frozenset[str] | None = None, *, boot_too: bool = False) -> Answer:
    """Edit the payload of every answer, or of these actions; BootNotification only when it is meant."""

    async def answer(line: Line, request: Message, right: Frame) -> None:
        named = request.action in actions if actions is not None else True
        spared = request.action == "BootNotification" and not boot_too and actions is None
        if right[0] != RESULT or not named or spared:
            await line.send(dump(right))
        else:
            await line.send(dump([RESULT, right[1], edit(dict(right[2]))]))

    return answer


def laid(fields: Mapping[str, Any], actions: frozenset[str]) -> Answer:
    """Lay these fields over the answers of `actions`."""
    return edited(lambda payload: {**payload, **fields}, actions)


def without(name: str, actions: frozenset[str]) -> Answer:
    """Leave a field out."""
    return edited(lambda payload: {key: value for key, value in payload.items() if key != name}, actions)


def _token(status: str, **more: Any) -> Edit:
    def edit(payload: Payload) -> Payload:
        for name in ("idTagInfo", "idTokenInfo"):
            if name in payload:
                payload[name] = {**payload[name], "status": status, **more}
        return payload

    return edit


def _shifted(by: timedelta) -> Edit:
    def edit(payload: Payload) -> Payload:
        moment = datetime.fromisoformat(payload["currentTime"]) + by
        return {**payload, "currentTime": moment.isoformat().replace("+00:00", "Z")}

    return edit


async def _jumping_clock(line: Line, request: Message, right: Frame) -> None:
    if request.action in CLOCK:
        line.memory["jumps"] = line.memory.get("jumps", 0) + 1
        right = [*right[:2], _shifted(YEARS if line.memory["jumps"] % 2 else YEARS / 6)(right[2])]
    await line.send(dump(right))


async def _fickle_boot(line: Line, request: Message, right: Frame) -> None:
    """Refuse the first registration of each connection."""
    if request.action == "BootNotification" and not line.memory.get("refused"):
        line.memory["refused"] = True
        right = [*right[:2], {**right[2], "status": "Rejected", "interval": 5}]
    await line.send(dump(right))


async def _first_start_unanswered(line: Line, request: Message, right: Frame) -> None:
    if request.action == "StartTransaction" and not line.memory.get("started"):
        line.memory["started"] = True
        return
    await line.send(dump(right))


def _as_texts(payload: Payload) -> Payload:
    return {name: str(value) if isinstance(value, int) else value for name, value in payload.items()}


def _wrong_types(payload: Payload) -> Payload:
    return {name: [None, 1, {"a": []}] for name in [*payload, "status"]}


_MORE = {"vendorExtension": {"a": [1, 2]}, "x": None}
_DUPLICATE = '[3,"%s",{"status":"Accepted","status":"Rejected","a":1,"a":2}]'

SHAPES = (
    Quirk("adds_fields", "adds fields that no schema knows", edited(lambda p: {**p, **_MORE}, boot_too=True)),
    Quirk("mistypes_fields", "sends lists where values belong", edited(_wrong_types)),
    Quirk("writes_numbers_as_texts", "writes numbers as strings", edited(_as_texts), versions=V16),
    Quirk("sends_null_payloads", "sends null for a payload", edited(lambda _: None)),
    Quirk("sends_empty_payloads", "leaves every payload empty", edited(lambda _: {})),
    Quirk("sends_lists_for_payloads", "sends a list for a payload", edited(lambda payload: [payload])),
    Quirk("nests_frames", "wraps every answer in one more array", but_boot(lambda right: [[right]])),
    Quirk("repeats_keys", "sends objects with duplicate keys", but_boot(lambda right: [_DUPLICATE % right[1]])),
    Quirk("sends_nan", "writes NaN and Infinity", edited(lambda p: {**p, "a": float("nan"), "b": float("inf")})),
    Quirk("sends_giant_integers", "writes integers of 400 digits", edited(lambda p: {**p, "transactionId": 10**400})),
    Quirk("nests_deeply", "nests arrays 5,000 deep", but_boot(lambda r: [f'[3,"{r[1]}",' + "[" * 5000 + "]" * 5001])),
    Quirk("names_the_action", "puts the action into the answer", but_boot(lambda r: [[3, r[1], "Action", r[2]]])),
    Quirk("types_as_texts", "sends the message type as a string", but_boot(lambda r: [[str(r[0]), *r[1:]]])),
    Quirk("unknown_message_types", "answers with message type 7", but_boot(lambda right: [[7, *right[1:]]])),
)

REGISTRATION = (
    Quirk("never_accepts", "keeps the station Pending for ever", laid({"status": "Pending", "interval": 30}, BOOT)),
    Quirk("rejects", "rejects it for ten years", laid({"status": "Rejected", "interval": 10 * YEAR_S}, BOOT)),
    Quirk("gives_interval_0", "gives a heartbeat interval of 0", laid({"interval": 0}, BOOT)),
    Quirk("gives_a_negative_interval", "gives a heartbeat interval of -60 s", laid({"interval": -60}, BOOT)),
    Quirk("gives_a_giant_interval", "gives an interval of 10 to the 18 s", laid({"interval": 10**18}, BOOT)),
    Quirk("gives_an_interval_of_1", "wants a heartbeat each second", laid({"interval": 1}, BOOT)),
    Quirk("leaves_out_the_interval", "gives no interval", without("interval", BOOT)),
    Quirk("is_fickle", "rejects the first BootNotification of each connection", _fickle_boot),
    Quirk("invents_a_boot_status", "answers BootNotification with a status of its own", laid({"status": "OK"}, BOOT)),
)

TIME = (
    Quirk("is_years_ahead", "has a clock twelve years ahead", edited(_shifted(YEARS), CLOCK)),
    Quirk("is_years_behind", "has a clock twelve years behind", edited(_shifted(-YEARS), CLOCK)),
    Quirk("changes_the_clock", "moves its clock by years at each answer", _jumping_clock),
    Quirk("sends_no_time", "leaves currentTime out of Heartbeat", without("currentTime", frozenset({"Heartbeat"}))),
    Quirk("sends_a_malformed_time", "writes currentTime its own way", laid({"currentTime": "24.11.2026 10:00"}, CLOCK)),
    Quirk("sends_a_time_without_zone", "leaves the zone out", laid({"currentTime": "2026-01-15T12:00:00"}, CLOCK)),
    Quirk("is_at_year_0", "has the year 0", laid({"currentTime": "0000-01-01T00:00:00Z"}, CLOCK)),
    Quirk("is_at_the_end_of_time", "has the last second", laid({"currentTime": "9999-12-31T23:59:59-14:00"}, CLOCK)),
)

TRANSACTIONS = (
    Quirk("gives_id_0", "gives every transaction the id 0", transaction_id=0, versions=V16),
    Quirk("gives_id_minus_1", "gives every transaction the id -1", transaction_id=-1, versions=V16),
    Quirk("gives_one_id_again", "gives every transaction the id 7", transaction_id=7, versions=V16),
    Quirk("gives_a_giant_id", "gives ids beyond 32 bits", transaction_id=2**53 - 1, versions=V16),
    Quirk(
        "changes_the_id_on_repeat",
        "gives a repeated start another id",
        _first_start_unanswered,
        reuse_ids=False,
        versions=V16,
    ),
    Quirk("gives_no_id", "leaves transactionId out", without("transactionId", START), versions=V16),
    Quirk("forgets_the_tag", "leaves idTagInfo out", without("idTagInfo", START), versions=V16),
    Quirk("forgets_every_tag", "leaves idTagInfo out everywhere", without("idTagInfo", TAGGED), versions=V16),
    Quirk("calls_the_tag_null", "answers with null for idTagInfo", laid({"idTagInfo": None}, TAGGED), versions=V16),
    Quirk("calls_the_tag_invalid", "finds the token invalid at the start", edited(_token("Invalid"), START)),
    Quirk("calls_the_tag_blocked", "finds the token blocked at the start", edited(_token("Blocked"), START)),
    Quirk("calls_the_tag_concurrent", "finds a concurrent transaction", edited(_token("ConcurrentTx"), START)),
    Quirk("invents_a_tag_status", "makes up a token's status", edited(_token("Maybe"), START)),
    Quirk(
        "lets_tags_expire",
        "accepts tokens that have expired",
        edited(_token("Accepted", expiryDate="1999-01-01T00:00:00Z"), START),
        versions=V16,
    ),
)

PAYLOADS = (*SHAPES, *REGISTRATION, *TIME, *TRANSACTIONS)
