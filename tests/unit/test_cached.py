"""Properties that are computed once."""

import threading

from sql.cached import cached_property


class Large:
    """An object whose property takes until it is `released`."""

    def __init__(self, released: threading.Event) -> None:
        self.begun = threading.Event()
        self.released = released
        self.times = 0

    @cached_property
    def rows(self) -> int:
        """How often it was computed."""
        self.begun.set()
        assert self.released.wait(20)
        self.times += 1
        return self.times


def test_a_property_is_computed_once() -> None:
    free = threading.Event()
    free.set()
    one = Large(free)
    assert [one.rows, one.rows] == [1, 1]
    assert Large.rows.__doc__ == "How often it was computed."


def test_no_object_waits_for_the_property_of_another() -> None:
    released, free = threading.Event(), threading.Event()
    large, small = Large(released), Large(free)
    free.set()
    thread = threading.Thread(target=lambda: large.rows)
    thread.start()
    assert large.begun.wait(20)
    other = threading.Thread(target=lambda: small.rows)
    other.start()
    other.join(20)
    released.set()
    thread.join(20)
    assert small.times == 1
    assert large.times == 1
