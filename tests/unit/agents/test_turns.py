"""Many threads may wait at once; few of them work at once."""

import threading
import time

from agents.engine import turns


def test_no_more_work_at_once_than_have_a_turn_and_whoever_waits_leaves_it_to_another() -> None:
    count, inside, most = 3 * turns.AT_ONCE, 0, 0
    lock, all_wait = threading.Lock(), threading.Barrier(3 * turns.AT_ONCE)

    def work() -> None:
        nonlocal inside, most
        with turns.working():
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            with turns.waiting():
                all_wait.wait(120)  # all of them at once, which would never be if one held its turn
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= most <= turns.AT_ONCE


def test_without_a_turn_there_is_none_to_leave() -> None:
    with turns.waiting(), turns.working():
        pass


def test_whoever_has_waited_longest_is_next() -> None:
    one_at_once, came = turns._Turns(1), []

    def take(number: int) -> None:
        one_at_once.take()
        came.append(number)
        one_at_once.give()

    one_at_once.take()
    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        while len(one_at_once._waiting) <= number:
            time.sleep(0.001)
    one_at_once.give()
    for thread in threads:
        thread.join(120)
    assert came == list(range(5))
