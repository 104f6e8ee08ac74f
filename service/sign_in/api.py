"""The endpoints of logging in."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from service.access.passwords import HashingBusy
from service.access.sessions import LoginRefused, RefreshRefused, TokenPair, WrongPassword
from service.access.throttle import TooManyAttempts, network_of
from service.access.tokens import UserPrincipal
from service.http.authentication import address_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.errors import ApiError, Detail, invalid
from service.http.responses import json_response
from service.runtime.resources import resources_of
from service.users.models import (
    AccessTokenAnswer,
    Done,
    Login,
    PasswordChange,
    RefreshToken,
    TokenAnswer,
)

_NO_STORE = {"Cache-Control": "no-store"}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


async def log_in(request: Request) -> Response:
    """Exchange email and password for an access token and a refresh token."""
    body = await read_model(request, Login)
    network = network_of(request.client.host if request.client else None)
    sessions = resources_of(request).sessions
    with login_refusals():
        pair = await sessions.login(body.email, body.password.get_secret_value(), network)
    return _pair(pair)


async def refresh_tokens(request: Request) -> Response:
    """Exchange a refresh token for the next pair. One used before ends its log-in."""
    body = await read_model(request, RefreshToken)
    with login_refusals():
        pair = await resources_of(request).sessions.refresh(body.refresh_token)
    return _pair(pair)


async def log_out(request: Request) -> Response:
    """End the log-in of a refresh token; its access token expires by itself."""
    body = await read_model(request, RefreshToken)
    await resources_of(request).sessions.logout(body.refresh_token)
    return json_response(Done().model_dump())


async def change_password(request: Request) -> Response:
    """Set another password. Every other log-in ends; access tokens issued before do, too, so
    that this answers a new one.
    """
    principal = principal_of(request)
    if not isinstance(principal, UserPrincipal):
        raise ApiError(403, "A key has no password; log in first")
    body = await read_model(request, PasswordChange)
    current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
    with login_refusals():
        token = await resources_of(request).sessions.change_password(
            principal, current, new, address_of(request)
        )
    answer = AccessTokenAnswer(access_token=token)
    return json_response(answer.model_dump(), headers=_NO_STORE)


@contextmanager
def login_refusals() -> Iterator[None]:
    """The domain's exceptions as answers."""
    try:
        yield
    except LoginRefused as error:
        raise ApiError(401, "Email or password is wrong", headers=_CHALLENGE) from error
    except RefreshRefused as error:
        message = "The refresh token does not hold (any more): log in again"
        raise ApiError(401, message, headers=_CHALLENGE) from error
    except WrongPassword as error:
        raise invalid([Detail(field="current_password", message="It is another one")]) from error
    except TooManyAttempts as error:
        headers = {"Retry-After": str(error.retry_after)}
        raise ApiError(429, str(error), headers=headers) from error
    except HashingBusy as error:
        message = "Too many log in at once; try again"
        raise ApiError(503, message, headers={"Retry-After": "2"}) from error


def _pair(pair: TokenPair) -> Response:
    answer = TokenAnswer(access_token=pair.access_token, refresh_token=pair.refresh_token)
    return json_response(answer.model_dump(), headers=_NO_STORE)


ENDPOINTS = [
    Endpoint(
        "POST", "/api/auth/login", log_in, "access", body=Login, response=TokenAnswer, open=True
    ),
    Endpoint(
        "POST",
        "/api/auth/refresh",
        refresh_tokens,
        "access",
        body=RefreshToken,
        response=TokenAnswer,
        open=True,
    ),
    Endpoint(
        "POST", "/api/auth/logout", log_out, "access", body=RefreshToken, response=Done, open=True
    ),
    Endpoint(
        "POST",
        "/api/auth/password",
        change_password,
        "access",
        body=PasswordChange,
        response=AccessTokenAnswer,
    ),
]
