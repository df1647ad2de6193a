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


def _read(path):
    return vectorfile.read(path.name, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path):
    vector = _read(path)
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


SIGNED = [
    vector
    for vector in map(_read, FILES)
    if vector.section in {"3.4", "4.1", "4.2", "4.3", "4.4", "4.5"}
    and vector.layer not in {"key", "signature"}
]


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector.file_name)
def test_nothing_but_the_named_layer_refuses(vector):
    """Unless keys or signatures are what is wrong, every message is signed by whom it names."""
    for raw, signer in _envelopes(vector):
        VerifyKey(decode_did(signer)).verify(raw[67:], raw[3:67])
