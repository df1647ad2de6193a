"""How long a doctor waits from a link to the first image, on a line of 10 Mbit/s.

    PYTHONPATH=tests python -m bench.viewer FOLDER SLICES --prepare     imports; takes its time
    PYTHONPATH=tests python -m bench.viewer FOLDER SLICES               measures; alone

A real node, a real browser with nothing in its cache, and between them a line that is made slow in
this process (`support.slow_line`). What a person types is not counted: the clock runs while a page
loads.
"""

from __future__ import annotations

import argparse
import base64
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from bench.study import cached, uid
from support.chromium import DESKTOP, PHONE, chromium
from support.slow_line import SlowLine
from support.two_nodes import RunningNode
from undisc_admin.agent import ShareWish, key_of_link, share_on
from undisc_protocol.keys import link_key
from undisc_protocol.link import write_link

RATE, DELAY = 10e6, 0.02  # bits per second each way; seconds each way
SECRET, CODE = b"secret of the doctor's link, 32b", "blue horse 7"
CACHE = Path.home() / ".cache" / "undisc-bench"


def prepare(node: RunningNode, slices: int) -> None:
    """Let a node hold a study of so many slices, shared by a link."""
    node.init()
    node.start()
    for content in cached(CACHE, slices).variant(0, slices):
        node.import_bytes(content)
    study = node.admin.get(f"studies/{uid(0)}").part("study").text("id")
    node.admin.post(f"studies/{study}/settle")
    wish = {"study": study, "link": True, "basis": "operator", "staff": "Dr A", "purpose": "test"}
    granted = node.admin.post("grants", {**wish, "command": "/img"})
    token = node.admin.get(f"grants/{granted.part('grant').text('id')}/token").text("token")
    share = ShareWish(
        audience=link_key(SECRET).did, command="/img/read", series=(), nonce=b"n" * 16,
        made=int(time.time()), expires=None,
    )  # fmt: skip
    patient = base64.urlsafe_b64decode(granted.text("link") + "=")
    signed = share_on(token, key_of_link(patient), share)
    node.admin.post("links", {"token": signed, "passcode": CODE, "attempts": 3})
    node.stop()


def measure(node: RunningNode, slices: int) -> list[dict[str, Any]]:
    """Open the link on a phone and on a desktop; return times and bytes of each step."""
    found = []
    node.start()
    try:
        for name, size in (("phone", PHONE), ("desktop", DESKTOP)):
            line = SlowLine(node.public_port, rate=RATE, delay=DELAY)
            with chromium() as browser:
                page = browser.new_context(viewport=size).new_page()
                page.set_default_timeout(120_000)

                def step(what: str, act: Any, done: Any, name=name, line=line) -> None:
                    began, before = time.monotonic(), line.down
                    act()
                    done()
                    took = time.monotonic() - began
                    found.append(
                        {"slices": slices, "screen": name, "step": what, "seconds": round(took, 2),
                         "kB": round((line.down - before) / 1000)}
                    )  # fmt: skip

                link = write_link(f"http://127.0.0.1:{line.port}", SECRET)
                code = page.locator("[name=passcode]:visible")
                step("page of the link", partial(page.goto, link), code.wait_for)
                code.fill(CODE)
                enter = partial(code.press, "Enter")
                image = page.locator("[data-stage] img")
                step("first image, light page", enter, image.wait_for)
                if name == "desktop":
                    page.wait_for_load_state("networkidle")
                    full = page.get_by_role("link", name="Open the full viewer")
                    drawn = page.locator("canvas")
                    place = page.get_by_text(f"/{slices // 4})").first

                    def until_drawn(place=place, drawn=drawn) -> None:
                        drawn.first.wait_for()
                        expect(place).to_be_visible(timeout=120_000)

                    step("first image, full viewer", full.click, until_drawn)
            line.close()
    finally:
        node.stop()
    return found


def main() -> None:
    """Prepare or measure, as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("slices", type=int)
    parser.add_argument("--prepare", action="store_true")
    wish = parser.parse_args()
    node = RunningNode(wish.folder / f"n{wish.slices}", "Bench")
    if wish.prepare:
        wish.folder.mkdir(parents=True, exist_ok=True)
        prepare(node, wish.slices)
        return
    for row in measure(node, wish.slices):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
