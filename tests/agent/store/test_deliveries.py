from agent.store.deliveries import Deliveries
from agent.store.transactions import TransactionRecord


def test_a_transaction_is_remembered_while_it_is_open_or_queued() -> None:
    deliveries = Deliveries(remembered=1)
    deliveries.put(TransactionRecord("open"))
    deliveries.queue("queued")
    deliveries.put(TransactionRecord("queued", csms_transaction_id=1))
    deliveries.end("queued")
    for number in range(5):
        deliveries.put(TransactionRecord(f"done-{number}", csms_transaction_id=100 + number))
        deliveries.end(f"done-{number}")
    assert [name for name in ("open", "queued", "done-0", "done-3", "done-4") if deliveries.knows(name)] == [
        "open",
        "queued",
        "done-4",
    ]
    assert deliveries.transaction_of_csms_id(1) == "queued"
    assert deliveries.transaction_of_csms_id(103) is None
    assert deliveries.transaction_of_csms_id(104) == "done-4"


def test_the_last_settled_row_of_an_ended_transaction_makes_it_finished() -> None:
    deliveries = Deliveries(remembered=0)
    deliveries.put(TransactionRecord("tx"))
    deliveries.queue("tx")
    deliveries.queue("tx")
    deliveries.end("tx")
    deliveries.settle("tx")
    assert deliveries.has_queued("tx")
    assert deliveries.knows("tx")
    deliveries.settle("tx")
    assert not deliveries.has_queued("tx")
    assert not deliveries.knows("tx")


def test_an_id_that_a_back_end_gave_twice_means_the_later_transaction() -> None:
    deliveries = Deliveries(remembered=1)
    for name in ("first", "second"):
        deliveries.put(TransactionRecord(name, csms_transaction_id=7))
        deliveries.end(name)
    assert deliveries.transaction_of_csms_id(7) == "second"


def test_rows_outside_any_transaction_count_only_for_all() -> None:
    deliveries = Deliveries()
    deliveries.load([TransactionRecord("tx")], {None: 2, "tx": 1})
    assert deliveries.queued_count == 3
    deliveries.settle("tx")
    deliveries.settle(None)
    assert deliveries.has_queued(None)
    deliveries.settle(None)
    assert not deliveries.has_queued(None)
    assert deliveries.queued_count == 0


def test_what_is_unknown_is_not_acknowledged() -> None:
    assert Deliveries().record("tx") == TransactionRecord("tx")
