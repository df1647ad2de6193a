"""The patient's part of the story: says yes at check-in, names a practice, and gets a link.

Nothing here is made up for the demonstration: the consent, the release, the offer and the link are
what the commands of the desk do. Opening the link needs a browser; `make demo KEEP=1` says where.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_node.demo.nodes import NodeProcess
from undisc_node.services.errors import Unavailable

_OFFER_SECONDS: Final = 30.0  # until an offer has reached the other practice by itself
_LOOK_SECONDS: Final = 0.5
_FACTS: Final = {
    "decision": "yes",
    "patient_id": "DEMO-0001",
    "patient_issuer": "UNDISC DEMO",
    "patient_name": "DEMO^UNDISC",
    "birth_date": "1970-01-01",
    "decider": "self",
    "covers": "orders",
    "orders": ["UD-2026-0001"],
    "language": "en",
    "method": "paper",
    "witness": "Demo Front Desk",
    "evidence": "demonstration",
}
"""Who the first images are about (`dicom.demo_study`); the numbers are what joins them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the patient and the front desk hold in their hands.

    Attributes:
        link: The patient's link.
        pin: What it asks for.
        password: Of the account `desk` at the desk.
        offered: Whether the named practice was offered the study, and took it, by itself.
    """

    link: str
    pin: str
    password: str
    offered: bool


class Patient:
    """Plays the patient, the front desk and the practice that the patient names.

    Args:
        directory: Where what is typed lies as files.
        here: The practice that has the images.
        there: The practice that the patient names.
        step: Called with each step.
    """

    def __init__(
        self, directory: Path, here: NodeProcess, there: NodeProcess, step: Callable[[str], object]
    ) -> None:
        self._directory = directory
        self._here = here
        self._there = there
        self._step = step

    def play(self) -> Told:
        """Say yes, and follow what comes of it.

        Raises:
            Unavailable: A command failed, or the study did not join the visit.
        """
        visit = self._say_yes()
        self._here.ask("visits", "release", visit, "--yes")
        self._step("the study joins the visit by its numbers, and is released")
        offered = self._is_offered()
        pin = f"{secrets.randbelow(10**6):06}"
        self._here.ask("visits", "pin", visit, "--pin-file", str(self._file("pin", pin)))
        link: str = self._here.ask("visits", "link", visit, "--no-qr")["link"]
        self._step("the patient's link is ready; with its PIN it opens in any browser")
        password = secrets.token_urlsafe(12)
        self._here.ask("staff", "add", "desk", "--role", "admin", said=password + "\n")
        return Told(link, pin, password, offered)

    def _say_yes(self) -> str:
        facts = self._file("consent.json", json.dumps({**_FACTS, "peers": [self._there.name]}))
        recorded = self._here.ask("consents", "record", "--facts", str(facts))
        visit: str = recorded["visit"]["id"]
        self._step(f"the patient is asked at check-in, says yes, and names {self._there.name}")
        return visit

    def _is_offered(self) -> bool:
        """Wait until the named practice sees the offer; accept it there, and tell if it arrives."""
        end = time.monotonic() + _OFFER_SECONDS
        while not (found := self._there.ask("offers", "list")["offers"]):
            if time.monotonic() > end:
                raise Unavailable("the offer does not reach the practice that the patient named")
            time.sleep(_LOOK_SECONDS)
        taken = self._there.undisc("offers", "accept", found[0]["id"])
        arrives = taken.exit_code == 0
        said = "accepts it" if arrives else "cannot accept it"
        self._step(f"{self._there.name} is offered it without anybody clicking, and {said}")
        return arrives

    def _file(self, name: str, content: str) -> Path:
        path = self._directory / f"patient-{name}"
        path.write_text(content + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path
