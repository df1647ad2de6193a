"""What the page of a link does in a patient's or a doctor's browser, without a browser.

A real one is in `support.chromium`.
"""

from __future__ import annotations

from typing import Any

from support.practice import Practice
from support.samples import name as random_name
from undisc_node.services.browsing_rows import BrowserSession
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.patient_views import Wanted
from undisc_protocol.browser import Act, sign_browser
from undisc_protocol.capability.delegation import COMMAND_READ, sign_share
from undisc_protocol.keys import SignKey, link_key
from undisc_protocol.link import read_link, write_link

PIN = "4711 blue"
SECRET = b"secret of the doctor's link, 32b"
OTHER_SECRET = b"secret of another link, 32 bytes"


class Browser:
    """One browser profile: a key or none, and a cookie.

    Args:
        practice: Whose page it has open.
        key: The key that the page derived from the link, or has made.
    """

    def __init__(self, practice: Practice, key: SignKey) -> None:
        self.practice = practice
        self.key = key
        self.cookie = ""
        self._messages = 0

    @classmethod
    def at(cls, practice: Practice, link: str) -> Browser:
        """Open a link."""
        return cls(practice, link_key(read_link(link).secret))

    def signed(self, act: Act, **arguments: Any) -> bytes:
        """Sign a request."""
        now = self.practice.clock.now_ms() // 1000
        self._messages += 1
        return sign_browser(
            self.key,
            to=self.practice.own.id,
            act=act,
            arguments=arguments,
            nonce=random_name(f"{self.key.did} {id(self)} {self._messages}", 16),
            issued=now,
            expires=now + 60,
        )

    def look(self) -> Any:
        """Ask what the link is."""
        return self.practice.opening.look(self.signed(Act.LOOK))

    def open(
        self,
        passcode: str | None = None,
        *,
        code: str | None = None,
        name: str = "",
        tester: Browser | None = None,
    ) -> BrowserSession:
        """Pass the protection."""
        raw = self.signed(Act.OPEN, passcode=passcode, code=code, name=name)
        session = tester.session() if tester else None
        self.cookie, _ = self.practice.opening.open(raw, session)
        return self.session()

    def send_code(self) -> str:
        """Ask for a one-time code; return what was sent."""
        self.practice.opening.send_code(self.signed(Act.CODE), "es")
        return self.practice.sent_codes[-1][1]

    def claim(self, pin: str | None, new: str = "browser", *, code: str | None = None) -> Browser:
        """Let a key of this browser take the link's place; return the browser with it."""
        key = SignKey.from_seed(random_name(new, 32))
        raw = self.signed(Act.CLAIM, passcode=pin, code=code, key=key.did, software=False)
        claimed = Browser(self.practice, key)
        claimed.cookie, _ = self.practice.opening.claim(raw)
        return claimed

    def session(self) -> BrowserSession:
        """Return the session as it stands."""
        return self.practice.browsing.session_of(self.cookie)

    def overview(self) -> Any:
        """Return what the page shows."""
        return self.practice.patient_sharing.overview(self.session())

    def tokens(self, audience: str, **changes: Any) -> list[bytes]:
        """Sign a share of every study."""
        now = self.practice.clock.now_ms() // 1000
        return [
            sign_share(
                self.key,
                **{
                    "audience": audience,
                    "subject": self.practice.own.key.did,
                    "study": one.study.id,
                    "command": COMMAND_READ,
                    "nonce": random_name(f"share {audience} {one.study.id.hex()}", 12),
                    "not_before": now,
                    "expires": one.grant.expires,
                }
                | changes,
            )
            for one in self.overview().studies
            if one.grant is not None
        ]


def shared(
    patient: Browser, wanted: Wanted | None = None, secret: bytes = SECRET, **changes: Any
) -> tuple[PatientShare, Browser]:
    """Let the patient make a link for a doctor; return what was shared and the doctor's browser."""
    practice = patient.practice
    made, _ = practice.patient_sharing.share(
        patient.session(),
        patient.tokens(link_key(secret).did, **changes),
        wanted or Wanted("Dr. Ann", passcode="blue horse"),
    )
    return made, Browser.at(practice, write_link(practice.url, secret))
