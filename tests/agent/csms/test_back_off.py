from agent.csms.back_off import BackOff, BackOffRange

BOUNDS = BackOffRange(minimum_s=5.0, maximum_s=100.0, random_s=10.0, doublings=3)


def test_waits_double_so_many_times_and_start_anew_after_a_reset() -> None:
    back_off = BackOff(draw=lambda: 0.0)
    assert [back_off.next_wait_s(BOUNDS) for _ in range(5)] == [5, 10, 20, 40, 40]
    back_off.reset()
    assert back_off.next_wait_s(BOUNDS) == 5


def test_the_maximum_holds_before_the_random_part_is_added() -> None:  # lesson 23
    back_off = BackOff(draw=lambda: 0.5)
    bounds = BackOffRange(5.0, 8.0, 10.0, 10)
    assert [back_off.next_wait_s(bounds) for _ in range(3)] == [10, 13, 13]


def test_never_dials_in_a_tight_loop() -> None:  # lesson 105
    back_off = BackOff()
    assert all(back_off.next_wait_s(BackOffRange()) >= 5.0 for _ in range(100))
