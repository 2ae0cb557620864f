import pytest

from hil.csms.behaviour import ACCEPT, Answer, Behaviour, BehaviourError, Drop, Place, Script

SILENT = Behaviour.silent()


def test_the_most_specific_place_wins() -> None:
    script = Script()
    places: list[Place] = ["*", "Heartbeat", ("CP1", "*"), ("CP1", "Heartbeat")]
    for number, place in enumerate(places):
        script[place] = Behaviour(delay_s=number)
    assert script.take("CP1", "Heartbeat").delay_s == 3
    assert script.take("CP1", "Authorize").delay_s == 2
    assert script.take("CP2", "Heartbeat").delay_s == 1
    assert script.take("CP2", "Authorize").delay_s == 0


def test_a_plan_is_used_up_in_order_and_then_accepts() -> None:
    script = Script()
    script["Heartbeat"] = [Behaviour.silent(times=2), Behaviour.reject(times=1)]
    taken = [script.take("CP1", "Heartbeat").answer for _ in range(4)]
    assert taken == [Answer.SILENT, Answer.SILENT, Answer.REJECT, Answer.ACCEPT]


def test_a_used_up_place_falls_back_to_the_next() -> None:
    script = Script()
    script["*"] = SILENT
    script["Heartbeat"] = Behaviour.reject(times=1)
    assert [script.take("A", "Heartbeat").answer for _ in range(2)] == [Answer.REJECT, Answer.SILENT]


def test_deleting_and_clearing_accept_again() -> None:
    script = Script()
    script["Heartbeat"] = Behaviour.reject()
    script["*"] = SILENT
    del script["Heartbeat"]
    del script["Authorize"]
    assert script.take("A", "Heartbeat") is SILENT
    script.clear()
    assert script.take("A", "Heartbeat") is ACCEPT


def test_json_builds_every_field() -> None:
    given = {
        "answer": "error",
        "error_code": "GenericError",
        "error_description": "d",
        "payload": {"a": 1},
        "merge": {},
        "status": "S",
        "raw": True,
        "delay_s": 1,
        "hold": True,
        "copies": 2,
        "wrong_id": True,
        "drop": "after",
        "close_code": 1011,
        "times": 3,
    }
    built = Behaviour.from_json(given)
    assert (built.answer, built.drop, built.times) == (Answer.ERROR, Drop.AFTER, 3)
    assert Behaviour.from_json({"times": None, "drop": None}) == ACCEPT


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"delay": 1}, "'delay'"),
        ({"answer": "maybe"}, "maybe"),
        ({"drop": "later"}, "later"),
        ({"copies": 0}, "copies"),
        ({"delay_s": -1}, "delay_s"),
        ({"times": 0}, "times"),
        ({"times": "2"}, "times"),
        ({"payload": []}, "payload"),
    ],
)
def test_a_behaviour_that_cannot_be_meant_is_refused_by_name(given: dict[str, object], named: str) -> None:
    with pytest.raises(BehaviourError, match=named):
        Behaviour.from_json(given)
