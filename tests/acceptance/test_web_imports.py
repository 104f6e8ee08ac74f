"""The pages of imports."""

import csv
import gzip
import io
import json
import re
import secrets
from collections.abc import Iterator

import httpx2
import pytest

from tests.acceptance.access import new_tenant
from tests.acceptance.test_imports import days_ago, figures, ndjson, row
from tests.acceptance.web import signed_in, text_of, token_in
from tests.conftest import Service
from tests.killable import until

pytestmark = pytest.mark.one_engine

PATH = "/imports"


@pytest.fixture(scope="module")
def web(service: Service) -> Iterator[httpx2.Client]:
    with signed_in(service.client, "operator") as client:
        yield client


def upload(
    web: httpx2.Client, content: bytes, name: str = "rows.ndjson", **fields: str
) -> httpx2.Response:
    data = {"csrf": token_in(web.get(PATH)), **fields}
    files = {"file": (name, content, "application/octet-stream")}
    return web.post(PATH, data=data, files=files)


def import_in(web: httpx2.Client, answer: httpx2.Response) -> str:
    """The page of an import that was taken, once it is done."""
    assert answer.status_code == 303, answer.text
    path = answer.headers["Location"]
    until(lambda: "Complete" in text_of(web.get(path)))
    return str(path)


def test_a_file_is_uploaded_and_followed_until_it_counts(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    assert 'href="/imports"' in web.get("/admin/catalog").text
    rows = [row(metric, days_ago(300 + n), n) for n in range(3)]
    bad = {"metric_name": metric, "value": "many"}
    path = import_in(web, upload(web, ndjson([rows[0], bad, *rows[1:]])))
    shown = text_of(web.get(path))
    assert "Rows 4 Accepted 3 Rejected 1 Counted 3" in shown
    assert f"Metrics {metric}" in shown
    assert sum(figures(api, metric, "month").values()) == 3
    listed = text_of(web.get(PATH))
    assert f"{path.rpartition('/')[2]} Complete {metric} 4 3 1 3" in listed


def test_rejected_rows_are_shown_and_downloaded_in_the_language_of_the_reader(
    web: httpx2.Client, metric: str
) -> None:
    at = days_ago(300)
    rows = [row(metric, at, 1), row(metric, at, 1) | {"frequency": "hourly", "colour": "red"}]
    path = import_in(web, upload(web, ndjson(rows)))
    assert "2 colour " in text_of(web.get(path))
    file = web.get(f"{path}/errors", headers={"Accept-Language": "pt-BR"})
    assert file.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in file.headers["Content-Disposition"]
    header, error = csv.reader(io.StringIO(file.text))
    assert header == ["line", "field", "reason"]
    english = list(csv.reader(io.StringIO(web.get(f"{path}/errors").text)))[1]
    assert error[:2] == english[:2] == ["2", "colour"]
    assert error[2] != english[2]


def test_csv_and_packed_files_are_told_by_their_names(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    at = days_ago(200).isoformat()
    names = "metric_name,metric_type,frequency,value,timestamp"
    text = f"{names}\r\n{metric},revenue,hourly,1.5,{at}\r\n".encode()
    import_in(web, upload(web, text, "Orders.CSV"))
    import_in(web, upload(web, gzip.compress(text), "orders.csv.gz"))
    import_in(web, upload(web, ndjson([row(metric, days_ago(200), 4)]), "orders.jsonl"))
    assert sum(figures(api, metric, "month").values()) == 7


def test_the_same_form_sent_twice_counts_once(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    content, key = ndjson([row(metric, days_ago(200), 5)]), secrets.token_hex(8)
    first = import_in(web, upload(web, content, import_id=key))
    assert import_in(web, upload(web, content, import_id=key)) == first
    assert sum(figures(api, metric, "month").values()) == 5


def test_an_import_that_broke_off_goes_on_from_its_page(
    web: httpx2.Client, service: Service, metric: str
) -> None:
    rows = [row(metric, days_ago(200), 1) for _ in range(6000)]
    packed = gzip.compress(ndjson(rows))
    assert upload(web, packed[:-100], "rows.ndjson.gz").status_code == 400
    listed = service.client.get("/api/imports").json()["data"][0]
    assert (listed["status"], listed["metric_names"]) == ("interrupted", [metric])
    shown = web.get(f"{PATH}/{listed['id']}")
    assert "Upload the same file again" in text_of(shown)
    assert f'name="import_id" value="{listed["import_id"]}"' in shown.text
    again = upload(web, packed, "rows.ndjson.gz", import_id=listed["import_id"])
    assert import_in(web, again) == f"{PATH}/{listed['id']}"
    assert sum(figures(service.client, metric, "month").values()) == 6000


def test_what_is_refused_in_the_midst_goes_on_by_the_form_that_says_so(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    content = ndjson([row(metric, days_ago(200), 1) for _ in range(6000)])
    refused = upload(web, content + b"x" * 100_000)
    assert refused.status_code == 422
    key = re.search(r'name="import_id" value="(\w+)"', refused.text)
    assert key
    import_in(web, upload(web, content, import_id=key[1]))
    assert sum(figures(api, metric, "month").values()) == 6000


def test_a_key_that_cannot_be_kept_is_made_anew(web: httpx2.Client, metric: str) -> None:
    import_in(web, upload(web, ndjson([row(metric, days_ago(200), 1)]), import_id="\0"))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("", b"", "Choose a file"),
        ("orders.xlsx", b"PK", "A file is called .csv"),
        ("orders.csv", b"Data;Valor\n1;2\n", "The column 'Data;Valor' is none of"),
        ("rows.ndjson", b"nothing\n" * 1000, "None of the first 1000 rows is a sample"),
    ],
)
def test_what_is_no_file_of_samples_is_refused_at_its_field(
    web: httpx2.Client, name: str, content: bytes, problem: str
) -> None:
    answer = upload(web, content, name)
    assert answer.status_code == 422
    assert problem in text_of(answer)


def test_a_page_of_an_import_follows(web: httpx2.Client, metric: str) -> None:
    path = import_in(web, upload(web, ndjson([row(metric, days_ago(200), 1)])))
    for address in (f"{path}/live", f"{PATH}/live"):
        with web.stream("GET", address, headers={"Accept": "text/event-stream"}) as answer:
            first = next(line for line in answer.iter_lines() if metric in line)
            assert first.startswith("data: ")


def test_a_larger_file_than_other_forms_take_is_read(web: httpx2.Client, metric: str) -> None:
    one = row(metric, days_ago(200), 1) | {"metadata": {"note": "x" * 8000}}
    content = ndjson([one] * 600)
    assert len(content) > 4 * 1024 * 1024
    import_in(web, upload(web, content))


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}],
)
def test_other_sites_upload_nothing(
    web: httpx2.Client, api: httpx2.Client, metric: str, headers: dict[str, str]
) -> None:
    content = ndjson([row(metric, days_ago(200), 1)])
    before = api.get("/api/imports").json()["data"][:1]
    token = token_in(web.get(PATH))
    files = {"file": ("rows.ndjson", content, "application/octet-stream")}
    for data, more in (({"csrf": token}, headers), ({"csrf": "x.y"}, {}), ({}, {})):
        answer = web.post(PATH, data=data, files=files, headers=more)
        assert answer.status_code == 403
    assert api.get("/api/imports").json()["data"][:1] == before


def test_imports_of_others_are_not_shown(web: httpx2.Client, service: Service, metric: str) -> None:
    path = import_in(web, upload(web, ndjson([row(metric, days_ago(200), 1)])))
    with (
        new_tenant(service.client, f"apart-{secrets.token_hex(4)}") as admin,
        signed_in(admin) as other,
    ):
        assert "Nothing was imported yet" in text_of(other.get(PATH))
        for address in (path, f"{path}/live", f"{path}/errors"):
            assert other.get(address).status_code == 404
    for role in ("reader", "writer"):
        with signed_in(service.client, role) as other:
            for address in (PATH, path, f"{path}/live", f"{path}/errors", f"{PATH}/live"):
                assert other.get(address).status_code == 403


def test_fields_behind_the_file_count_for_nothing(web: httpx2.Client, metric: str) -> None:
    """The token stands before the file: what comes first decides."""
    token = token_in(web.get(PATH))
    line = json.dumps(row(metric, days_ago(200), 1))
    body = (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="a.ndjson"\r\n\r\n{line}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n--b--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert web.post(PATH, content=body.encode(), headers=headers).status_code == 403
