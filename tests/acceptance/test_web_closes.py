"""The page of closed periods."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.access import new_tenant, ok
from tests.acceptance.reading import submit
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

PATH = "/admin/closes"


def test_an_admin_closes_a_period_sees_it_marked_and_reopens_it(
    service: Service, metric: str
) -> None:
    old = datetime.now(UTC) - timedelta(days=3)
    with (
        new_tenant(service.client, f"closing-{secrets.token_hex(4)}") as admin,
        signed_in(admin) as web,
    ):
        submit(admin, metric, {"timestamp": old.isoformat()}, {})
        assert "Nothing is closed" in text_of(web.get(PATH))
        last = old.date().isoformat()
        early = post(web, PATH, metric_type="revenue", until=datetime.now(UTC).date().isoformat())
        assert early.status_code == 422
        assert "once it has been over an hour" in text_of(early)
        answer = post(web, PATH, metric_type="revenue", until=last)
        assert (answer.status_code, answer.headers["Location"]) == (303, PATH)
        (closed,) = ok(admin.get("/api/periods/close"))
        assert (closed["until"], closed["closed_by"][:5]) == (last, "user:")
        explorer = web.get("/explore", params={"metric_name": metric, "period": "day"})
        # Of 30 days all but the last three.
        assert explorer.text.count(">closed<") == 27
        reopen = f"{PATH}/{closed['id']}/reopen"
        assert "Reopen?" in text_of(post(web, reopen))
        assert post(web, reopen, sure="yes").status_code == 303
        assert "Nothing is closed" in text_of(web.get(PATH))
    with signed_in(service.client, "operator") as web:
        assert web.get(PATH).status_code == 403
