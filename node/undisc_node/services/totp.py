"""One-time codes of an authenticator: RFC 6238 over RFC 4226, with what every app understands.

SHA-1, six digits, thirty seconds: apps ignore other values or refuse them. HMAC with SHA-1 is not
weakened by collisions of SHA-1. Written out here because it is shorter than a library's reason.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final
from urllib.parse import quote, urlencode

SECRET: Final = 20  # bytes; RFC 4226 §4 R6 recommends 160 bits
DIGITS: Final = 6
STEP: Final = 30  # seconds
DRIFT: Final = (
    1  # steps before and after now: clocks of telephones differ by seconds (RFC 6238 §5.2)
)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226 §5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, typed: str, now_ms: int) -> int | None:
    """Return the time step whose code was typed, or None when it is none of about now.

    Args:
        secret: The authenticator's secret.
        typed: As typed; spaces do not count.
        now_ms: The time.
    """
    code = typed.replace(" ", "").encode("utf-8", "replace")
    now = now_ms // 1000 // STEP
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code):
            found = step
    return found


def written(secret: bytes) -> str:
    """Return a secret as a person types it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address(secret: bytes, *, account: str, issuer: str) -> str:
    """Return what the QR code for an app says (the key URI format of Google Authenticator)."""
    label = quote(f"{issuer}:{account}", safe="")
    text = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/{label}?" + urlencode(
        {"secret": text, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP},
        quote_via=quote,
    )
