"""The text form of a test vector, and the material that cases are made of (README.md).

A module `cases_<topic>.py` beside this one offers `cases()`, which yields `Vector`s; `generate.py`
finds it by its name and writes one file for each. Everything is made from fixed labels, so the same
sources always give the same files.

    yield Vector(
        section="4.3", row="R05", name="unknown-field", what="invocation", expect=BadFields,
        comment="an extra field in the arguments",
        headers={"now": str(NOW)}, parts={"bytes": raw},
    )
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from undisc_protocol import dagcbor
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import REMOTE_CODES, RemoteProtocolError
from undisc_protocol.keys import SignKey

MAGIC: Final = "undisc vector 1"
ACCEPT: Final = "accept"
RESULT: Final = "result."
NOW: Final = 1_800_000_000  # the time at which cases happen: 2027-01-15T08:00:00Z

_SIGNED_AT = 67  # where the signed part of an envelope begins (SPEC.md §2.2)


@dataclass(frozen=True)
class Vector:
    """One case.

    Attributes:
        section: Section of SPEC.md, such as "4.4".
        row: Row of that section's table, such as "R07", or "A1" for an accepted form.
        name: Lower-case words with hyphens; ends the file name.
        what: Which reader the bytes go to.
        expect: The class that must be raised, or None if the reader must accept.
        comment: What is wrong or special, in one sentence.
        headers: What the reader needs besides the bytes: times as decimal seconds, bytes as hex.
        parts: The bytes, by name.
        results: For accepted forms: facts the reader must find, as text.
    """

    section: str
    row: str
    name: str
    what: str
    expect: type[RemoteProtocolError] | None
    comment: str
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, bytes] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)

    @property
    def row_id(self) -> str:
        """The row's id, such as "4.4-R07"."""
        return f"{self.section}-{self.row}"

    @property
    def file_name(self) -> str:
        """Name of the file."""
        return f"{self.row_id}-{self.name}.vec"

    @property
    def layer(self) -> str:
        """The layer that must refuse; empty if accepted."""
        return self.expect.layer if self.expect else ""

    def write(self) -> str:
        """Return the file's text."""
        lines = [
            MAGIC,
            f"spec: {self.row_id}",
            f"what: {self.what}",
            f"expect: {self.expect.code if self.expect else ACCEPT}",
        ]
        if self.expect:
            lines.append(f"layer: {self.layer}")
        lines.append(f"comment: {self.comment}")
        lines += [f"{key}: {value}" for key, value in self.headers.items()]
        lines += [f"{RESULT}{key}: {value}" for key, value in self.results.items()]
        for name, content in self.parts.items():
            lines += ["", f"[{name}]", *textwrap.wrap(base64.b64encode(content).decode(), 76)]
        return "\n".join(lines) + "\n"


class VectorError(Exception):
    """A file is not a vector."""


def read(file_name: str, text: str) -> Vector:
    """Read a vector back from its file's name and text.

    Raises:
        VectorError: The text has another form, or name, code and layer do not agree.
    """
    head, *blocks = text.removesuffix("\n").split("\n\n")
    magic, *lines = head.split("\n")
    if magic != MAGIC:
        raise VectorError(f"{file_name} does not begin with '{MAGIC}'")
    headers = dict(line.split(": ", 1) for line in lines)
    section, row = headers.pop("spec").split("-")
    code, layer = headers.pop("expect"), headers.pop("layer", "")
    expect = None if code == ACCEPT else REMOTE_CODES[code]
    vector = Vector(
        section=section,
        row=row,
        name=file_name.removeprefix(f"{section}-{row}-").removesuffix(".vec"),
        what=headers.pop("what"),
        expect=expect,
        comment=headers.pop("comment"),
        headers={key: value for key, value in headers.items() if not key.startswith(RESULT)},
        parts=dict(_part(block) for block in blocks),
        results={
            key.removeprefix(RESULT): value
            for key, value in headers.items()
            if key.startswith(RESULT)
        },
    )
    if vector.file_name != file_name or vector.layer != layer:
        raise VectorError(f"{file_name}: name, code and layer do not agree")
    return vector


def _part(block: str) -> tuple[str, bytes]:
    title, *lines = block.split("\n")
    return title.strip("[]"), base64.b64decode("".join(lines), validate=True)


# --- Material -----------------------------------------------------------------------------------


def fixed(label: str, size: int = 32) -> bytes:
    """Return up to 32 bytes that look random and are always the same for a label."""
    return sha256(b"undisc vector: " + label.encode()).digest()[:size]


def fixed_key(label: str) -> SignKey:
    """Return a signing key that is always the same for a label."""
    return SignKey.from_seed(fixed(label))


def sign_bytes(signed: bytes, key: SignKey) -> bytes:
    """Wrap and sign any bytes as the signed part of an envelope, well-formed or not."""
    return b"\x82\x58\x40" + key.signing.sign(signed).signature + signed


def signed_part(raw: bytes) -> bytes:
    """Return what an envelope's signature is about."""
    return raw[_SIGNED_AT:]


def payload_of(raw: bytes) -> tuple[str, dict[str, Value]]:
    """Return the tag and a copy of the payload of an envelope."""
    signed = dagcbor.decode(signed_part(raw), limit=len(raw))
    assert isinstance(signed, dict)
    (tag,) = signed.keys() - {"h"}
    payload = signed[tag]
    assert isinstance(payload, dict)
    return tag, deepcopy(payload)


def changed(raw: bytes, key: SignKey, change: Callable[[dict[str, Value]], object]) -> bytes:
    """Return an envelope with a changed payload, properly signed again.

    Args:
        raw: A good envelope.
        key: Who signs again.
        change: Changes the payload in place.
    """
    tag, payload = payload_of(raw)
    change(payload)
    return enveloped(payload, tag=tag, key=key)


def with_fields(raw: bytes, key: SignKey, /, **fields: Value) -> bytes:
    """Return an envelope with some payload fields replaced or added, properly signed again."""
    return changed(raw, key, lambda payload: payload.update(fields))


def without_field(raw: bytes, key: SignKey, name: str) -> bytes:
    """Return an envelope with a payload field left out, properly signed again."""
    return changed(raw, key, lambda payload: payload.pop(name))


def enveloped(payload: Value, *, tag: str, key: SignKey, header: Value = None) -> bytes:
    """Sign any payload under any tag and signature header, without the builders' checks."""
    header = bytes.fromhex("3401ed01ed011371") if header is None else header
    return sign_bytes(dagcbor.encode({"h": header, tag: payload}), key)


def reencoded(raw: bytes, key: SignKey, old: bytes, new: bytes) -> bytes:
    """Return an envelope with other bytes at one place of the signed part, properly signed again.

    For encodings that no encoder of ours writes; `old` must occur exactly once.
    """
    signed = signed_part(raw)
    assert signed.count(old) == 1, "the replaced bytes must occur exactly once"
    return sign_bytes(signed.replace(old, new), key)
