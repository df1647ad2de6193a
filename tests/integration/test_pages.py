"""The pages of a real node in a real browser: no barrier, nothing from elsewhere, small."""

from __future__ import annotations

import pytest

from support.chromium import chromium, look, transferred, visitor
from support.two_nodes import running

pytestmark = pytest.mark.integration
MOST = 100_000  # bytes before the first meaningful paint


def test_the_front_page_and_an_error_are_for_everybody():
    with (
        running("Praxis Süd") as [node],
        chromium() as browser,
        visitor(browser, node.url, allow=("404",)) as page,
    ):
        assert transferred(page, lambda: page.goto("/")) < MOST
        look(page, "front")
        page.get_by_role("link", name="Español").click()
        assert page.locator("html").get_attribute("lang") == "es"
        page.goto("/nowhere")
        look(page, "problem")
