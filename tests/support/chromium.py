"""A real browser for tests: Chromium as the system packages it, driven by playwright.

    with chromium() as browser, visitor(browser, node.url) as page:
        page.goto("/desk/")
        look(page, "sign-in")       # barriers, width, screenshots on both sizes

A visitor is a browser profile of its own. What it asks of other hosts, what the page complains of
in the console and what breaks in a script is remembered and fails the test at the end. Screenshots
lie in `build/screenshots`, for people; `failed.png` shows where a test ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, Page, sync_playwright

from support.programs import package

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "tests" / "data" / "axe" / "axe.min.js"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
SECONDS = 20.0  # for anything a page is waited for; machines of CI are slow
# Root in a container has no sandbox to give, and /dev/shm may be small there; WebGL is computed.
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Start a browser without a window; further flags may be given."""
    path = package("chromium", "chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=[*FLAGS, *more])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(
    browser: Browser,
    url: str,
    *,
    language: str = "en-US",
    size: dict[str, int] = DESKTOP,
    allow: Sequence[str] = (),
    **more: Any,
) -> Iterator[Page]:
    """Open a profile of its own; at its end nothing must have been complained of.

    Args:
        browser: What `chromium` gave.
        url: Origin that relative addresses are below; requests to any other host fail the test.
        language: The browser's language.
        size: `DESKTOP` or `PHONE`.
        allow: Parts of console messages that are expected, such as `401`.
        more: Further options of `Browser.new_context`.
    """
    context = browser.new_context(
        base_url=url, locale=language, viewport=size, reduced_motion="reduce", **more
    )
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    complaints: list[str] = []
    own = {urlsplit(url).netloc}

    def on_request(request: Any) -> None:
        asked = urlsplit(request.url)
        if asked.scheme in ("http", "https", "ws", "wss") and asked.netloc not in own:
            complaints.append(f"asked another host: {asked.netloc}")

    def on_console(message: Any) -> None:
        if message.type in ("error", "warning") and not any(one in message.text for one in allow):
            complaints.append(f"console: {message.text}")

    context.on("request", on_request)
    context.on("console", on_console)
    context.on("weberror", lambda problem: complaints.append(f"script: {problem.error}"))
    try:
        yield page
        assert complaints == [], complaints
    except BaseException:
        SHOTS.mkdir(parents=True, exist_ok=True)
        with suppress(Error):  # the browser itself may be gone
            page.screenshot(path=SHOTS / "failed.png", full_page=True)
        raise
    finally:
        context.close()


def barriers(page: Page) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA and good practice, one line for each."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", list(RULES)
    )
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def look(page: Page, name: str, *, sizes: Sequence[dict[str, int]] = (DESKTOP, PHONE)) -> None:
    """Require a page without barriers that fits its screen, and keep pictures of it.

    Args:
        page: The page, as it is now.
        name: Name of the pictures: `<name>-1280.png` and `<name>-360.png`.
        sizes: Screens to look at; the first stays.
    """
    SHOTS.mkdir(parents=True, exist_ok=True)
    for size in (*sizes[1:], sizes[0]):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=SHOTS / f"{name}-{size['width']}.png", full_page=True)
        assert wide <= size["width"], f"{name} is {wide} wide on a screen of {size['width']}"
        assert barriers(page) == [], f"{name} at {size['width']}"


def transferred(page: Page, act: Any) -> int:
    """Return how many bytes of bodies a page took over the wire while something was done."""
    sizes: list[int] = []

    def on_finished(request: Any) -> None:
        sizes.append(request.sizes()["responseBodySize"])

    page.on("requestfinished", on_finished)
    act()
    page.wait_for_load_state("networkidle")
    page.remove_listener("requestfinished", on_finished)
    return sum(sizes)


class Clicks:
    """Counts what a person clicks on a page, from now on and across its navigations."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.expose_binding("countClick", lambda _source: self._add())
        # Enter in a form clicks its button, too: the browser says so with a detail of 0.
        page.add_init_script(
            "addEventListener('click', event => event.isTrusted && window.countClick(), true)"
        )

    def _add(self) -> None:
        self.count += 1
