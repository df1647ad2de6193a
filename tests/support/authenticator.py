"""An authenticator app for tests: it reads the secret from the page, as a person types it."""

from __future__ import annotations

import base64
import time

from undisc_node.services import totp


class Authenticator:
    """Makes one-time codes; never the same one twice, as the node takes none twice."""

    def __init__(self, written: str) -> None:
        text = written.replace(" ", "")
        self._secret = base64.b32decode(text + "=" * (-len(text) % 8))
        self._last = 0

    def code(self) -> str:
        """Return the code of a step that was not used yet; one step ahead is accepted, too."""
        now = int(time.time()) // totp.STEP
        step = max(now - totp.DRIFT, self._last + 1)
        while step > int(time.time()) // totp.STEP + totp.DRIFT:
            time.sleep(0.2)
        self._last = step
        return totp.code_at(self._secret, step)
