"""The module of the pages says what Python says, byte for byte; run by Node.js.

The same vectors, and the same calls with the same keys and nonces. Ed25519 is deterministic, so
whole envelopes can be compared.
"""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from pathlib import Path

import generate
import pytest
import vectorfile
from nacl.signing import VerifyKey

from support.parties import label
from support.programs import package
from undisc_protocol import dagcbor
from undisc_protocol.browser import Act, sign_browser
from undisc_protocol.capability.delegation import sign_share
from undisc_protocol.did import decode_did
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.keys import SignKey, link_key
from undisc_protocol.link import read_link, read_secret
from undisc_protocol.link_code import read_code, write_code

pytestmark = pytest.mark.integration
RUNNER = Path(__file__).with_name("run_module.mjs")
MODULE = resources.files("undisc_node.web.pages").joinpath("static/undisc.js")
SEED, NODE, STUDY = label("browser seed"), label("holder's node id"), label("study", 16)
NOW = 1_795_498_283
KEY = SignKey.from_seed(SEED)
AUDIENCE, HOLDER = link_key(label("reader")).did, SignKey.from_seed(label("holder")).did


def run(*cases):
    """Let the module do something; return what it answered for each case."""
    done = subprocess.run(
        [package("node", "nodejs"), RUNNER, str(MODULE)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def said(value):
    """Write a value for the runner, which has no bytes in its JSON."""
    match value:
        case bytes():
            return {"bytes": value.hex()}
        case list() | tuple():
            return [said(item) for item in value]
        case dict():
            return {"map": [[key, said(item)] for key, item in value.items()]}
        case _:
            return value


def vectors(what):
    """Return the vectors for one reader."""
    files = (
        vectorfile.read(path.name, path.read_text(encoding="utf-8"))
        for path in sorted(generate.TARGET.glob("*.vec"))
    )
    return [one for one in files if one.what == what]


def has_cid(value):
    match value:
        case dagcbor.Cid():
            return True
        case list():
            return any(has_cid(item) for item in value)
        case dict():
            return any(has_cid(item) for item in value.values())
        case _:
            return False


def test_it_encodes_what_every_accepted_message_of_the_vectors_holds():
    """Decoded by Python with the map's order lost, and encoded again by the module."""
    messages = [
        one.parts["bytes"]
        for one in vectors("dagcbor") + vectors("delegation") + vectors("browser")
        if one.expect is None
    ]
    values = [dagcbor.decode(raw, limit=len(raw)) for raw in messages]
    pairs = zip(messages, values, strict=True)
    wanted = [(raw, value) for raw, value in pairs if not has_cid(value)]
    assert len(wanted) > 10
    answers = run(*({"what": "encode", "value": said(_turned(value))} for _, value in wanted))
    assert [one["ok"] for one in answers] == [raw.hex() for raw, _ in wanted]


def _turned(value):
    """Turn the order of every map around: the encoder has to find it."""
    match value:
        case dict():
            return {key: _turned(item) for key, item in reversed(value.items())}
        case list():
            return [_turned(item) for item in value]
        case _:
            return value


def _nested(levels):
    return [_nested(levels - 1)] if levels else 0


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), _nested(17)])
def test_it_refuses_to_encode_what_no_message_may_hold(value):
    (answer,) = run({"what": "encode", "value": value})
    assert "error" in answer


@pytest.mark.parametrize("software", [False, True])
def test_a_link_has_the_same_key(software):
    """By the browser's own Ed25519, and by the one for browsers without it."""
    secrets = [label(f"secret {number}") for number in range(5)]
    answers = run(
        *({"what": "link-key", "secret": one.hex(), "software": software} for one in secrets)
    )
    assert [one["ok"] for one in answers] == [link_key(one).did for one in secrets]


@pytest.mark.parametrize("software", [False, True])
@pytest.mark.parametrize(
    ("command", "series"),
    [
        ("/img/read", ()),
        ("/img/view", (label("one", 16),)),
        ("/img/read", tuple(sorted(label(f"series {number}", 16) for number in range(64)))),
    ],
)
def test_a_share_has_the_same_bytes(software, command, series):
    wanted = sign_share(
        KEY,
        audience=AUDIENCE,
        subject=HOLDER,
        study=STUDY,
        command=command,
        nonce=label("nonce", 12),
        not_before=NOW,
        expires=NOW + 86_400,
        series=series,
    )
    share = {
        "audience": AUDIENCE,
        "subject": HOLDER,
        "study": STUDY,
        "command": command,
        "series": list(reversed(series)),
        "nonce": label("nonce", 12),
        "now": NOW,
        "expires": NOW + 86_400,
    }
    (answer,) = run(
        {"what": "share", "seed": SEED.hex(), "software": software, "share": said(share)}
    )
    assert answer == {"ok": wanted.hex()}


@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        (Act.LOOK, {}),
        (Act.OPEN, {"passcode": "grün 7", "code": None, "name": "Dr. Ann"}),
        (Act.CLAIM, {"passcode": "1", "code": None, "key": AUDIENCE, "software": True}),
    ],
)
def test_a_request_has_the_same_bytes(act, arguments):
    wanted = sign_browser(
        KEY,
        to=NODE,
        act=act,
        arguments=arguments,
        nonce=label("nonce", 16),
        issued=NOW,
        expires=NOW + 240,
    )
    request = {"node": NODE, "act": act.value, "args": arguments, "nonce": label("nonce", 16)}
    (answer,) = run(
        {"what": "request", "seed": SEED.hex(), "request": said({**request, "now": NOW})}
    )
    assert answer == {"ok": wanted.hex()}


def test_a_new_key_signs():
    (answer,) = run({"what": "new"})
    made = answer["ok"]
    VerifyKey(decode_did(made["did"])).verify(bytes(3), bytes.fromhex(made["signed"]))
    assert made["software"] is False


def result(read, text):
    """Return what Python reads, or None where it refuses."""
    try:
        return read(text)
    except RemoteProtocolError:
        return None


def test_it_reads_links_as_python_does():
    """Every text of the vectors: as an address that arrived, and as something pasted."""
    texts = [one.parts["text"].decode() for one in vectors("link")]
    assert len(texts) > 10
    arrived = run(*({"what": "secret", "text": one} for one in texts))
    for text, answer in zip(texts, arrived, strict=True):
        found = result(read_secret, text)
        if "#" in text or "23" in text:
            assert answer.get("ok") == (found.hex() if found else None), text


def test_it_reads_pasted_links_as_python_does():
    texts = [
        one.parts["text"].decode() for one in vectors("whole-link") if not one.headers.get("fill")
    ]
    answers = run(*({"what": "pasted", "text": one} for one in texts))
    for text, answer in zip(texts, answers, strict=True):
        found = result(read_link, text)
        if "/v2/url?" in text or "/v3/__" in text:
            continue  # the node undoes these; a browser follows them before the page sees anything
        assert answer.get("ok") == (found.secret.hex() if found else None), text


def test_it_reads_codes_as_python_does():
    code = write_code(label("code", 7))
    plain = code.replace("-", "")
    typed = [code, plain.lower(), " ".join(plain), code[:-1], code + "0", "", "U" * 12]
    typed += [one.parts["text"].decode() for one in vectors("code")]
    typed += [plain[:n] + ("0" if plain[n] != "0" else "1") + plain[n + 1 :] for n in range(12)]
    typed += [plain[:n] + plain[n + 1] + plain[n] + plain[n + 2 :] for n in range(10)]
    answers = run(*({"what": "code", "text": one} for one in typed))
    assert [one.get("ok") for one in answers] == [result(read_code, one) for one in typed]
