"""The endpoints of logging in."""

from starlette.requests import Request
from starlette.responses import Response

from service.access.sessions import TokenPair, user_of
from service.access.throttle import network_of
from service.http.authentication import address_of, caller_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.responses import json_response
from service.runtime.resources import resources_of
from service.sign_in.models import (
    AccessTokenAnswer,
    Done,
    Login,
    PasswordChange,
    RefreshToken,
    TokenAnswer,
)

_NO_STORE = {"Cache-Control": "no-store"}


async def log_in(request: Request) -> Response:
    """Exchange email and password for an access token and a refresh token."""
    body = await read_model(request, Login)
    pair = await resources_of(request).sessions.login(
        body.email, body.password.get_secret_value(), network_of(address_of(request))
    )
    return _pair(pair)


async def refresh_tokens(request: Request) -> Response:
    """Exchange a refresh token for the next pair. One used before ends its log-in."""
    body = await read_model(request, RefreshToken)
    return _pair(await resources_of(request).sessions.refresh(body.refresh_token))


async def log_out(request: Request) -> Response:
    """End the log-in of a refresh token; its access token expires by itself."""
    body = await read_model(request, RefreshToken)
    await resources_of(request).sessions.logout(body.refresh_token)
    return json_response(Done().model_dump())


async def change_password(request: Request) -> Response:
    """Set another password. Every other log-in ends, and so do access tokens issued before.

    The answer therefore has a new one.
    """
    caller = caller_of(request)
    user_of(caller)  # a key is refused whatever it sends
    body = await read_model(request, PasswordChange)
    token = await resources_of(request).sessions.change_password(
        caller,
        body.current_password.get_secret_value(),
        body.new_password.get_secret_value(),
    )
    answer = AccessTokenAnswer(access_token=token)
    return json_response(answer.model_dump(), headers=_NO_STORE)


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
