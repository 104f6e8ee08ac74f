"""A real browser for the tests of the pages: Debian's Chromium, driven by Playwright.

Without one the tests here are skipped, and say what to install.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FloatRect,
    Locator,
    Page,
    sync_playwright,
)

from service.web.assets import NODE_MODULES
from tests.acceptance.people import Person, add_person, new_address
from tests.conftest import Service
from tests.killable import until

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
# The first has no window of its own to draw, which takes half the time.
_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--screenshots FOLDER`` keeps the pictures that tests take."""
    parser.addoption("--screenshots", type=Path, help="keep screenshots of pages here")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. Playwright keeps an event loop running, so it ends with each file: those
    that come after have loops of their own.
    """
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium here: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, service: Service) -> Iterator[Opener]:
    """Opens a page in a browser of its own: ``open_page("/sign-in", locale="pt-BR",
    color_scheme="dark", viewport=PHONE, java_script_enabled=False)``. What the browser
    complains of (failing scripts, what the policy forbids) fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(path: str = "/", **options: object) -> Page:
        given: dict[str, object] = {
            "base_url": service.url,
            "locale": "en",
            "viewport": DESKTOP,
            "extra_http_headers": {"X-Forwarded-For": new_address()},
        }
        context = chromium.new_context(**(given | options))  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: _note(complaints, message))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def signed_in(open_page: Opener, service: Service) -> Opener:
    """As `open_page`, as a new user: ``signed_in("/", role="operator", service_name="x")``;
    without `role` an admin.
    """

    def opened(
        path: str = "/", *, role: str = "admin", service_name: str | None = None, **options: object
    ) -> Page:
        person = add_person(service.client, role, service_name=service_name)
        page = open_page("/sign-in", **options)
        sign_in(page, person)
        page.goto(path)
        return page

    return opened


def sign_in(page: Page, person: Person) -> None:
    """Fill in the sign-in page, which is shown."""
    page.locator("#email").fill(person.email)
    page.locator("#password").fill(person.password)
    page.locator("form[action='/sign-in'] button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


# Rules of axe-core that depend on colours and on the room there is.
LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]


def box_of(element: Locator) -> FloatRect:
    """Its place on the page in CSS pixels, also where the page, as it follows, puts a new element
    in place of the old one meanwhile.
    """
    boxes: list[FloatRect] = []

    def is_found() -> bool:
        box = element.bounding_box()
        boxes.extend([box] if box else [])
        return bool(box)

    until(is_found)
    return boxes[0]


def serious_violations(page: Page, *rules: str) -> list[str]:
    """Findings of axe-core about a page, from serious upwards, and landmarks alike; of these
    rules alone, if any are given.
    """
    page.evaluate((NODE_MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        "(only) => axe.run(document, {resultTypes: ['violations'], ...only})",
        {"runOnly": list(rules)} if rules else {},
    )
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical") or violation["id"] == "landmark-unique"
        for node in violation["nodes"]
    ]


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Takes a screenshot of a whole page, where ``--screenshots`` says that they are wanted."""
    folder: Path | None = request.config.getoption("--screenshots")

    def take(page: Page, name: str) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            engine = re.sub(r"\W", "", request.node.callspec.params.get("engine", ""))
            page.screenshot(path=folder / f"{name}-{engine}.png", full_page=True)

    return take


def _note(complaints: list[str], message: ConsoleMessage) -> None:
    # A refused form is a refused form: the lines of browser and htmx about its status are no
    # complaints. The last one is htmx's line about a live connection that was lost.
    refused = (
        "Failed to load resource",
        "Response Status Error",
        "htmx:sendError",
        "htmx:sendAbort",
        "htmx:afterRequest",
        "[object Event]",
    )
    if message.type == "error" and not message.text.startswith(refused):
        complaints.append(message.text)
