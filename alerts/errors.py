"""Errors of alerts, in the family of errors."""

from sql.errors import Conflict, Forbidden, Invalid, Problem
from sql.messages import Message


class RuleProblem(Invalid):
    """A rule that cannot be judged; `reason` says why."""

    def __init__(self, reason: Message) -> None:
        super().__init__(
            Problem(Message("The rule cannot be evaluated: {reason}", {"reason": reason}))
        )
        self.reason = reason


def name_taken(name: str) -> Conflict:
    """Another rule of the tenant is named so."""
    message = Message("There is another rule named {name}", {"name": name})
    return Conflict(message, [Problem(message, "rule_name")])


def of_another_service(own: str) -> Forbidden:
    """A caller who is bound to one service makes rules for that one alone."""
    return Forbidden(
        Message("This key makes rules for service_name {service} only", {"service": own})
    )
