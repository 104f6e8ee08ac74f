"""The page of one's own account."""

import httpx2

from tests.acceptance.people import add_person
from tests.acceptance.web import post, sign_in, signed_in, text_of, visitor
from tests.conftest import Service

NEW = "another long password"


def test_the_account_says_who_one_is(api: httpx2.Client) -> None:
    with signed_in(api, "reader", service_name="checkout") as browser:
        text = text_of(browser.get("/account"))
    assert "Role Reader" in text
    assert "Service checkout" in text
    assert "Tenant default" in text


def test_another_password_ends_every_other_log_in(service: Service, api: httpx2.Client) -> None:
    person = add_person(api, "writer")
    with visitor(service.url) as here, visitor(service.url) as there:
        assert sign_in(here, person).status_code == 303
        assert sign_in(there, person).status_code == 303
        wrong = post(here, "/account/password", current_password="wrong", new_password=NEW)
        assert wrong.status_code == 422
        assert "It is another one" in text_of(wrong)
        short = {"current_password": person.password, "new_password": "short"}
        answer = post(here, "/account/password", **short)
        assert answer.status_code == 422
        assert "at least 12 characters" in text_of(answer)
        fields = {"current_password": person.password, "new_password": NEW}
        answer = post(here, "/account/password", **fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        assert "Your password is changed" in text_of(here.get("/account"))
        assert there.get("/account").headers["location"] == "/sign-in?next=/account"
    login = {"email": person.email, "password": NEW}
    assert api.post("/api/auth/login", json=login).status_code == 200


def test_signing_out_everywhere_ends_all(service: Service, api: httpx2.Client) -> None:
    person = add_person(api, "reader")
    login = {"email": person.email, "password": person.password}
    tokens = api.post("/api/auth/login", json=login).json()
    with visitor(service.url) as here, visitor(service.url) as there:
        assert sign_in(here, person).status_code == 303
        assert sign_in(there, person).status_code == 303
        answer = post(here, "/account/sign-out")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert "You are signed out everywhere" in text_of(here.get("/sign-in"))
        assert there.get("/account").status_code == 303
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    with httpx2.Client(base_url=service.url) as client:
        assert client.get("/api/metrics/catalog", headers=bearer).status_code == 401
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert client.post("/api/auth/refresh", json=refresh).status_code == 401
    (entry,) = api.get("/api/audit", params={"action": "user.logout", "limit": 1}).json()["data"]
    assert entry["actor"] == entry["target"]
