from agent.station.event_ids import EventIds

BLOCK = 10


def test_numbers_are_reserved_half_a_block_ahead() -> None:
    reserved: list[int] = []
    ids = EventIds(BLOCK, lambda: reserved.append(1))
    ids.start(1)
    assert [ids.next() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert not reserved
    ids.next()
    assert len(reserved) == 1
    for _ in range(BLOCK - 1):
        ids.next()
    assert len(reserved) == 1


def test_a_reservation_that_failed_is_tried_again_with_the_next_event() -> None:
    tried: list[bool] = []
    disk_is_well = False

    def reserve() -> None:
        tried.append(disk_is_well)
        if not disk_is_well:
            ids.not_reserved()

    ids = EventIds(BLOCK, reserve)
    ids.start(1)
    for _ in range(BLOCK // 2 + 2):
        ids.next()
    assert tried == [False, False]
    disk_is_well = True
    ids.next()
    ids.next()
    assert tried == [False, False, True]
