"""Who may do what to alerts, and how the domain's refusals are answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from starlette.requests import Request

from alerts.events import AlreadyResolved
from alerts.registry import Author, NameTaken, Reach, RuleInvalid
from alerts.rules import Rule
from alerts.selection import RuleProblem
from service.http.authentication import address_of, principal_of
from service.http.errors import ApiError, Detail, invalid
from service.runtime.resources import resources_of


def reach_of(request: Request) -> Reach:
    """What the caller sees."""
    scope = principal_of(request).scope
    return Reach(scope.tenant, scope.service_name)


def author_of(request: Request) -> Author:
    """The caller as one who changes something."""
    principal, voice = principal_of(request), resources_of(request).voice
    return Author(principal.id, datetime.now(UTC), voice, address_of(request))


def check_service(request: Request, rule: Rule) -> None:
    """A key of one service makes rules for that service alone."""
    own = principal_of(request).scope.service_name
    if own not in (None, rule.service_name):
        raise ApiError(403, f"This key makes rules for service_name {own} only")


@contextmanager
def refusals() -> Iterator[None]:
    """The domain's exceptions as answers."""
    try:
        yield
    except RuleInvalid as error:
        raise invalid([Detail(field=p.field, message=p.message) for p in error.problems]) from error
    except NameTaken as error:
        message = f"There is another rule named {error}"
        details = [Detail(field="rule_name", message=message)]
        raise ApiError(409, message, details) from error
    except AlreadyResolved as error:
        raise ApiError(409, "The event is already resolved") from error
    except RuleProblem as error:
        raise ApiError(422, f"The rule cannot be evaluated: {error}") from error
