"""A practice whose desk is open, with a mail server and a hospital, and how it is used.

with desk_practice() as (practice, hospital), chromium() as browser:
    with visitor(browser, desk(practice)) as page:
        app = sign_in(page)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Locator, Page

from support.authenticator import Authenticator
from support.dicom_files import IMPLICIT, SC, data_set
from support.mail_server import mail_server
from support.raw_sender import RawSender
from support.ris import with_hl7
from support.two_nodes import RunningNode, befriend, settings, short_directory

PASSWORD = "four words nobody guesses"
SECONDS = 40.0


@contextmanager
def desk_practice() -> Iterator[tuple[Any, RunningNode]]:
    """Start both; `practice.mailbox` has what was sent."""
    with mail_server() as mailbox, short_directory() as directory:
        node, hospital = (
            RunningNode(directory / "a", "Praxis Süd"),
            RunningNode(directory / "b", "Hospital Norte"),
        )
        try:
            for one in (node, hospital):
                one.init()
            settings(node, ingest__settle_seconds=1)
            with (node.home / "undisc.toml").open("a") as file:
                file.write(
                    f'\n[release]\nwhen = "click"\n\n[email]\nhost = "127.0.0.1"\n'
                    f'port = {mailbox.port}\nsecurity = "none"\nfrom = "praxis@example.org"\n'
                )
            node.mailbox = mailbox
            node.hl7_port = with_hl7(node)
            for one in (node, hospital):
                one.start()
            befriend(node, hospital)
            node.admin.post("staff", {"name": "anna", "role": "admin", "password": PASSWORD})
            yield node, hospital
        finally:
            for one in (node, hospital):
                one.stop()


def desk(node: RunningNode) -> str:
    """Return where its desk is."""
    return f"http://127.0.0.1:{node.internal_port}"


def sign_in(
    page: Page, app: Authenticator | None = None, name: str = "anna", password: str = PASSWORD
) -> Authenticator:
    """Sign in; return the authenticator, which is set up the first time."""
    page.goto("/desk/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go on").click()
    app = app or Authenticator(page.locator("p > .code").inner_text())
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/")
    return app


def scan(node: RunningNode, study: str, accession: bytes, patient_id: bytes) -> None:
    """Send one image as a scanner does."""
    uid = f"{study}.1.1"
    body = data_set(
        study_uid=study.encode(),
        series_uid=f"{study}.1".encode(),
        sop_uid=uid.encode(),
        accession=accession,
        patient_id=patient_id,
        birth_date=b"19700102",
    )
    with RawSender(("127.0.0.1", node.dicom_port), [(SC, IMPLICIT)]) as sender:
        assert sender.store(1, SC, uid, body)[0] == 0
        sender.release()


def until_shown(page: Page, found: Locator) -> Locator:
    """Load a page again until the node has done what makes something appear."""
    deadline = time.monotonic() + SECONDS
    while not found.count():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.5)
        page.reload()
    return found
