"""Every vector goes through the real reader and is refused exactly where its header says.

A module `readers_<topic>.py` beside this one offers `READERS`, a dict from `what` to a function
that takes the vector, reads its parts, and returns the facts it found as text.
"""

import importlib
from pathlib import Path

import generate
import pytest
import vectorfile
from nacl.signing import VerifyKey

from undisc_protocol.did import decode_did
from undisc_protocol.errors import RemoteProtocolError

HERE = Path(__file__).parent
FILES = sorted(generate.TARGET.glob("*.vec"))
READERS = {
    what: reader
    for module in sorted(HERE.glob("readers_*.py"))
    for what, reader in importlib.import_module(f"conformance.{module.stem}").READERS.items()
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path):
    vector = vectorfile.read(path.name, path.read_text(encoding="utf-8"))
    reader = READERS[vector.what]
    if vector.expect is None:
        found = reader(vector)
        assert {name: found.get(name) for name in vector.results} == vector.results
        return
    with pytest.raises(RemoteProtocolError) as caught:
        reader(vector)
    assert type(caught.value) is vector.expect
    assert caught.value.layer == vector.layer


def test_files_are_what_the_sources_make():
    """Nobody can change a vector by hand, or a source without its vectors."""
    assert generate.main(["--check"]) == 0


def test_there_are_vectors():
    assert FILES


def _envelopes(vector):
    """The signed envelopes of a vector, with who should have signed each."""
    for part in vector.parts.values():
        try:
            tag, payload = vectorfile.payload_of(part)
        except (RemoteProtocolError, AssertionError):
            continue
        signer = payload.get("iss") or (tag == "undisc/identity@1" and payload.get("key"))
        if isinstance(signer, str) and len(signer) == 56:
            yield part, signer


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.name.startswith(("3.4", "4."))],
    ids=lambda path: path.stem,
)
def test_only_the_named_layer_can_refuse(path):
    """What is not about size, keys or signatures is rightly signed, so nothing else refuses first."""
    vector = vectorfile.read(path.name, path.read_text(encoding="utf-8"))
    if vector.layer in {"decode", "key", "signature"}:
        return
    for raw, signer in _envelopes(vector):
        VerifyKey(decode_did(signer)).verify(raw[67:], raw[3:67])
