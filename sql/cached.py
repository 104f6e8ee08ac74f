"""Properties that are computed once."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class cached_property(Generic[Value]):
    """That of functools as of Python 3.12. Before, it has a lock for the property of all objects,
    at which the event loop would wait while a thread computes it for a large one.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object, owner: type) -> Self | Value:
        """The value, which the instance keeps under the same name, so that this is asked once."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
