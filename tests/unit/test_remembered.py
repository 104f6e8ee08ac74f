"""Memories of series stay within their bounds, whatever is sent."""

from service.metrics.mapping.remembered import Remembered


def test_so_many_entries_are_remembered() -> None:
    remembered: Remembered[int, int] = Remembered(most_entries=3)
    for number in range(4):
        remembered.put(number, -number, 1)
    assert [remembered.get(number) for number in range(4)] == [None, None, None, -3]


def test_long_texts_are_not_kept_for_ever() -> None:
    remembered: Remembered[str, int] = Remembered(most_characters=100)
    for name in ("short", "x" * 200, "y"):
        remembered.put(name, len(name), len(name))
    assert [remembered.get(name) for name in ("short", "x" * 200, "y")] == [None, None, 1]
