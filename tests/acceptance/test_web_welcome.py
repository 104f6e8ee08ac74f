"""The first user, made with the link that the first start prints."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.people import Person, add_person
from tests.acceptance.web import post, sign_in, text_of, token_in, visitor
from tests.conftest import Service, running_service

pytestmark = pytest.mark.one_engine

OVER = "This link was used already, or somebody can sign in already"
PASSWORD = "a long password"


@pytest.fixture
def fresh(database: str, tmp_path: Path) -> Iterator[Service]:
    """A service of two workers in which nobody can sign in."""
    with running_service(tmp_path, database, FATURE_WORKERS="2") as service:
        yield service


def link(service: Service) -> str:
    (line,) = [line for line in service.log.read_text().splitlines() if "Welcome:" in line]
    return line.partition("Welcome:")[2].strip()


def start(client: httpx2.Client, address: str, **fields: str) -> httpx2.Response:
    form = client.get(address)
    given = {"email": "ana@example.com", "name": "Ana", "password": PASSWORD} | fields
    token = address.rpartition("=")[2]
    return client.post("/welcome", data={"csrf": token_in(form), "token": token, **given})


def test_the_link_makes_the_first_admin_once(fresh: Service, tmp_path: Path) -> None:
    file = tmp_path / "welcome_token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    address = link(fresh)
    assert address == f"{fresh.url}/welcome?token={file.read_text().strip()}"
    with visitor(fresh.url) as ana:
        assert start(ana, address).headers["Location"] == "/"
        page = ana.get("/")
        assert "Welcome! You are signed in as admin." in page.text
        assert "Welcome!" not in ana.get("/").text
    assert not file.exists()
    with visitor(fresh.url) as late:
        # Whichever worker answers.
        for _ in range(4):
            answer = late.get(address)
            assert answer.status_code == 403
            assert OVER in text_of(answer)
        assert sign_in(late, Person(0, "ana@example.com", PASSWORD)).status_code == 303
    (user,) = fresh.client.get("/api/users").json()["data"]
    assert (user["email"], user["name"], user["role"]) == ("ana@example.com", "Ana", "admin")
    (entry,) = fresh.client.get("/api/audit", params={"action": "user.create"}).json()["data"]
    assert entry["actor"] == f"user:{user['id']}"


def test_of_many_at_once_one_is_the_first(fresh: Service) -> None:
    address = link(fresh)

    def attempt(number: int) -> int:
        with visitor(fresh.url) as client:
            return start(client, address, email=f"user{number}@example.com").status_code

    with ThreadPoolExecutor() as threads:
        statuses = sorted(threads.map(attempt, range(4)))
    assert statuses == [303, 403, 403, 403]
    assert len(fresh.client.get("/api/users").json()["data"]) == 1


def test_another_token_opens_nothing(fresh: Service) -> None:
    with visitor(fresh.url) as client:
        for token in ("", "wrong", "é", "x" * 1000):
            answer = client.get("/welcome", params={"token": token})
            assert answer.status_code == 403
            assert "not the one that was printed" in answer.text


def test_a_short_password_is_told_at_its_field(fresh: Service) -> None:
    with visitor(fresh.url) as client:
        answer = start(client, link(fresh), password="short")
        assert answer.status_code == 422
        assert 'id="password-error"' in answer.text
        assert "At least 12 characters" in answer.text
        assert 'value="ana@example.com"' in answer.text
        assert "short" not in answer.text.replace("too short", "")


def test_the_link_dies_with_any_other_user(fresh: Service) -> None:
    add_person(fresh.client)
    with visitor(fresh.url) as client:
        assert OVER in text_of(client.get(link(fresh)))
        assert post(client, "/welcome", token=link(fresh).rpartition("=")[2]).status_code == 403


def test_where_somebody_can_sign_in_no_link_is_printed(fresh: Service, tmp_path: Path) -> None:
    add_person(fresh.client)
    with running_service(tmp_path, fresh.database_url) as again:
        assert "Welcome:" not in again.log.read_text()


def test_where_nothing_can_be_kept_a_command_makes_the_first_user(
    database: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with running_service(
        tmp_path,
        database,
        FATURE_DATA_DIR=str(tmp_path / "file" / "data"),
        FATURE_SECRET="a secret of more than thirty-two characters",
    ) as service:
        said = service.log.read_text()
        assert "python -m service user EMAIL --role admin" in said
        assert "/welcome?token=" not in said
        with visitor(service.url) as client:
            assert client.get("/welcome?token=x").status_code == 403
            assert sign_in(client, add_person(service.client, "admin")).status_code == 303
