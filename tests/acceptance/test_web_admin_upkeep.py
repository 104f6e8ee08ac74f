"""The administration's pages of the catalogue, the audit log, retention and tenants."""

import re
import secrets
from urllib.parse import quote

import httpx2
import psycopg
import pytest

from sql.engine import Engine
from tests.acceptance.access import new_tenant, ok
from tests.acceptance.people import add_person
from tests.acceptance.talk import ONE, sample
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service


def entry(api: httpx2.Client, metric: str) -> dict[str, object]:
    """A metric as the API has it."""
    (found,) = (one for one in ok(api.get("/api/metrics/catalog")) if one["metric_name"] == metric)
    return dict(found)


def new_name() -> str:
    return f"tenant-{secrets.token_hex(4)}"


@pytest.fixture
def known(api: httpx2.Client, metric: str) -> str:
    """A metric with a sample."""
    answer = api.post(ONE, json=sample(metric, unit="BRL", metadata={"plan": "gold"}))
    assert answer.status_code == 201, answer.text
    return metric


def test_a_metric_is_described_and_added_up_otherwise(api: httpx2.Client, known: str) -> None:
    path = f"/admin/catalog/{known}"
    fields = {
        "kind": "stock",
        "default_aggregation": "max",
        "unit": "USD",
        "description": "What <comes> in",
        "dimensions": "plan, shop",
    }
    with signed_in(api, "operator") as browser:
        assert known in browser.get("/admin/catalog").text
        assert known in browser.get(f"/admin/catalog?q={known.upper()}").text
        assert known not in browser.get("/admin/catalog?q=other+metric").text
        loud = f"Loud_{secrets.token_hex(4)}"
        assert api.post(ONE, json=sample(loud)).status_code == 201
        assert loud in browser.get(f"/admin/catalog?q={loud.lower()}").text
        assert 'value="BRL"' in browser.get(path).text
        assert post(browser, path, **fields).status_code == 303
        assert "What &lt;comes&gt; in" in browser.get(path).text
        found = entry(api, known)
        assert {name: found[name] for name in fields} == fields | {"dimensions": ["plan", "shop"]}
        emptied = {"kind": "flow", "default_aggregation": "sum"}
        assert post(browser, path, **emptied).status_code == 303
        found = entry(api, known)
        assert (found["unit"], found["description"], found["dimensions"]) == (None, "", [])


@pytest.mark.parametrize(
    ("language", "words"), [("en", "up to twice too high"), ("pt-BR", "ficam até o dobro")]
)
def test_whoever_changes_dimensions_of_a_level_is_told_what_it_does_to_figures(
    api: httpx2.Client, known: str, language: str, words: str
) -> None:
    path = f"/admin/catalog/{known}"
    with signed_in(api, "operator") as browser:
        browser.headers["Accept-Language"] = language
        assert words not in text_of(browser.get(path))
        assert api.patch(f"/api/metrics/catalog/{known}", json={"kind": "stock"}).is_success
        assert words in text_of(browser.get(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "odd"}, "Choose one of"),
        ({"dimensions": "region"}, "region cannot be a dimension"),
        ({"dimensions": "a,a"}, "A dimension is named twice"),
        ({"description": "x" * 2001}, "At most 2000 characters"),
    ],
)
def test_what_is_wrong_with_a_metric_is_said(
    api: httpx2.Client, known: str, changes: dict[str, str], message: str
) -> None:
    fields = {"kind": "flow", "default_aggregation": "sum"} | changes
    with signed_in(api) as browser:
        answer = post(browser, f"/admin/catalog/{known}", **fields)
    assert answer.status_code == 422
    assert message in text_of(answer)


def test_metrics_of_another_tenant_are_none(api: httpx2.Client, known: str) -> None:
    with new_tenant(api, new_name()) as admin, signed_in(admin) as browser:
        assert known not in browser.get("/admin/catalog").text
        assert browser.get(f"/admin/catalog/{known}").status_code == 404
        fields = {"kind": "flow", "default_aggregation": "sum"}
        assert post(browser, f"/admin/catalog/{known}", **fields).status_code == 404


def test_the_log_says_who_changed_what(api: httpx2.Client, known: str) -> None:
    path = f"/admin/catalog/{known}"
    fields = {"kind": "flow", "default_aggregation": "sum", "unit": "BRL", "description": "Now so"}
    with signed_in(api) as browser:
        assert post(browser, path, **fields).status_code == 303
        query = f"target=metric:{quote(known)}"
        page = browser.get(f"/admin/audit?{query}")
        assert f"metric:{known} 1 field description – → Now so" in text_of(page)
        actor = re.search(r"actor=(user%3A\d+|user:\d+)", page.text)
        assert actor, page.text
        assert "catalog.update" in browser.get(f"/admin/audit?{query}&{actor[0]}").text
        nothing = browser.get(f"/admin/audit?{query}&actor=user:0")
        assert "Nothing was changed" in text_of(nothing)
        assert browser.get("/admin/audit?start_date=soon").status_code == 422
        assert browser.get("/admin/audit?cursor=nonsense").status_code == 422


def test_the_log_goes_on_with_older_entries(api: httpx2.Client) -> None:
    with new_tenant(api, new_name()) as admin, signed_in(admin) as browser:
        people = [add_person(admin, "reader") for _ in range(55)]
        first = browser.get("/admin/audit")
        assert people[-1].email in first.text
        assert people[0].email not in first.text
        older = re.search(r'href="([^"]+)" rel="next"', first.text)
        assert older, first.text
        assert people[0].email in browser.get(older[1].replace("&amp;", "&")).text


def test_the_log_is_that_of_the_tenant(api: httpx2.Client, known: str) -> None:
    assert ok(api.patch(f"/api/metrics/catalog/{known}", json={"description": "Ours"}))
    with new_tenant(api, new_name()) as admin, signed_in(admin) as browser:
        assert known not in browser.get("/admin/audit").text


def test_retention_is_as_the_command_reports(
    api: httpx2.Client, service: Service, engine: Engine
) -> None:
    with signed_in(api) as browser:
        page = browser.get("/admin/retention")
        # Names break where their words end.
        assert "sample_<wbr>real_<wbr>time" in page.text
        text = text_of(page)
        assert re.search(r"sample_real_time kept for 7 d kept for 7 d \d", text)
        assert "alert_event kept for 365 d" in text
        assert "make retention-apply" not in text
        if engine == "plain":
            assert "every night at 02:00" in text
            return
        assert re.search(r"rollup_\w+ refreshed from \d.* ago refreshed from", text)
        with psycopg.connect(service.database_url, autocommit=True) as conn:
            conn.execute(
                "SELECT remove_retention_policy('fature.sample_real_time'),"
                " add_retention_policy('fature.sample_real_time', interval '8 days')"
            )
        try:
            text = text_of(browser.get("/admin/retention"))
            assert "sample_real_time kept for 7 d kept for 8 d" in text
            assert "make retention-apply" in text
        finally:
            with psycopg.connect(service.database_url, autocommit=True) as conn:
                conn.execute(
                    "SELECT remove_retention_policy('fature.sample_real_time'),"
                    " add_retention_policy('fature.sample_real_time', interval '7 days')"
                )


def test_a_tenant_is_made_described_locked_out_and_deleted(api: httpx2.Client) -> None:
    name = new_name()
    path = f"/admin/tenants/{name}"
    with signed_in(api) as browser:
        assert post(browser, "/admin/tenants", tenant=name).status_code == 303
        again = post(browser, "/admin/tenants", tenant=name)
        assert again.status_code == 409
        assert f"There is a tenant {name} already" in text_of(again)
        assert post(browser, "/admin/tenants", tenant="Not so").status_code == 422
        assert post(browser, f"{path}/describe", description="The others").status_code == 303
        assert 'value="The others"' in browser.get("/admin/tenants").text
        assert post(browser, f"{path}/switch", active="false").status_code == 303
        assert "Locked" in text_of(browser.get("/admin/tenants"))
        assert post(browser, f"{path}/switch", active="true").status_code == 303
        assert post(browser, f"{path}/delete", sure="yes").status_code == 303
        assert name not in browser.get("/admin/tenants").text
        assert post(browser, "/admin/tenants/default/switch", active="false").status_code == 409


def test_a_tenant_with_users_stays(api: httpx2.Client) -> None:
    name = new_name()
    with new_tenant(api, name) as admin, signed_in(admin), signed_in(api) as browser:
        answer = post(browser, f"/admin/tenants/{name}/delete", sure="yes")
        assert answer.status_code == 409
        assert name in browser.get("/admin/tenants").text


def test_the_whole_installation_is_for_the_tenant_default(api: httpx2.Client) -> None:
    with new_tenant(api, new_name()) as admin, signed_in(admin) as browser:
        page = browser.get("/admin/catalog")
        for name in ("retention", "tenants"):
            assert f"/admin/{name}" not in page.text
            assert browser.get(f"/admin/{name}").status_code == 403
        assert post(browser, "/admin/tenants", tenant=new_name()).status_code == 403
        for change in ("describe", "switch", "delete"):
            assert post(browser, f"/admin/tenants/default/{change}", sure="yes").status_code == 403


@pytest.mark.parametrize(
    ("role", "open_to_them"),
    [("operator", {"catalog"}), ("writer", set()), ("reader", set())],
)
def test_each_role_finds_its_sections(
    api: httpx2.Client, role: str, open_to_them: set[str]
) -> None:
    with signed_in(api, role) as browser:
        shown = browser.get("/account").text
        assert ('href="/admin"' in shown) == bool(open_to_them)
        for name in ("catalog", "users", "keys", "audit", "retention", "tenants"):
            status = 200 if name in open_to_them else 403
            assert browser.get(f"/admin/{name}").status_code == status
        status = 303 if open_to_them else 403
        assert browser.get("/admin").status_code == status
