"""A holder that describes falsely: manifests, grants and receipts that are signed and wrong.

What a liar does to chunks, streams and single answers is in `test_lying_holder`; here every message
is signed by a trusted peer and lies in what it says, or plays old messages again.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from support.hostile_peer import HostileNode, Reply
from support.killable_node import wait_for
from support.lying_holder import LyingHolder, held_object
from support.two_nodes import RunningNode, dicom_file, pixels, running
from undisc_protocol import limits
from undisc_protocol.answer import request_hash, sign_answer, sign_refusal
from undisc_protocol.capability.invocation import read_invocation
from undisc_protocol.errors import Revoked
from undisc_protocol.exchange import Granted, Request
from undisc_protocol.keys import SignKey
from undisc_protocol.pack import PatientIdentity

pytestmark = pytest.mark.integration

UID = "1.2.88"
LARGE = limits.CHUNK + 70_000
FILES = [
    dicom_file(1, study=UID, extra=pixels(b"one" * 400)),
    dicom_file(2, study=UID, extra=pixels(b"two" * 400)),
    dicom_file(3, study=UID, extra=pixels(secrets.token_bytes(2 * (LARGE // 2)))),
]
STRANGER = SignKey.from_seed(b"stranger" * 4)
MIB = 2**20


@pytest.fixture(scope="module")
def recipient() -> Iterator[RunningNode]:
    with running("Practice B") as [node]:
        yield node


@pytest.fixture
def holder(recipient) -> Iterator[LyingHolder]:
    """A trusted peer with three objects; afterwards nothing is left of it but its log lines."""
    lying = LyingHolder(HostileNode("Liar"), FILES)
    with lying.node.served(lying) as node:
        recipient.add_peer(node.url)
        yield lying
    for study in recipient.studies():
        recipient.admin.delete(f"studies/{study['id']}")
    assert left_behind(recipient) == []
    assert recipient.admin.post("log/verify").flag("ok")


def left_behind(node: RunningNode) -> list[str]:
    """List pack files, staged or not."""
    return [path.name for part in ("packs", "staging") for path in (node.home / part).iterdir()]


def fetch(recipient: RunningNode, holder: LyingHolder) -> dict:
    return recipient.fetch(holder.offer_to(recipient.did))


def fails(recipient: RunningNode, holder: LyingHolder, code: str) -> None:
    """Require a failure with this code and nothing stored, and success once the truth is told."""
    failed = fetch(recipient, holder)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", code)
    assert failed["problem"]["message"]
    assert recipient.studies() == []
    assert left_behind(recipient) == []
    assert recipient.events("fetch.failed")[-1]["detail"]["code"] == code
    arrives(recipient, holder)


def arrives(recipient: RunningNode, holder: LyingHolder) -> dict:
    done = fetch(recipient, holder)
    assert (done["state"], done["problem"], done["receipt"]) == ("done", None, "taken")
    assert sorted(recipient.exported(done["study"]).values()) == sorted(FILES)
    return done


def answer_with(holder: LyingHolder, **changes: object) -> Callable[[bytes, Request], bytes]:
    """Return a lie: a signed and sealed answer whose parts are as a test wants them."""

    def lie(_answer: bytes, request: Request) -> bytes:
        ticket, manifest = secrets.token_bytes(32), holder.manifest().to_value()
        at = request.issued
        said = {
            "inv": read_invocation(request.invocation).cid,
            "manifest": manifest,
            "ticket": ticket,
            "until": at + 600,
            "checkpoint": {"origin": bytes(16), "size": 0, "root": bytes(32)},
        }
        wanted = {
            name: change(said[name]) if callable(change) else change
            for name, change in changes.items()
        }
        signed = sign_answer(holder.node.key, request=request.hash, at=at, ok={**said, **wanted})
        return holder.sealed(signed, request)

    return lie


def objects(change: Callable[[list], list]) -> Callable[[dict], dict]:
    """Change the list of objects in a manifest."""
    return lambda manifest: {**manifest, "objects": change(manifest["objects"])}


def field(number: int, place: int, value: object) -> Callable[[dict], dict]:
    """Change one field of one object in a manifest."""

    def change(listed: list) -> list:
        changed = [list(one) for one in listed]
        changed[number][place] = value
        return changed

    return objects(change)


# --- Manifests ------------------------------------------------------------------------------------

ID, KEY, CODEC, SIZE, HASH, SERIES, SERIES_UID, SOP_UID = range(8)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"manifest": objects(lambda listed: [*listed, listed[0]])}, "bad_fields"),
        ({"manifest": field(1, SOP_UID, f"{UID}.1.1")}, "bad_fields"),
        ({"manifest": field(0, SOP_UID, "../../../etc/passwd")}, "bad_fields"),
        ({"manifest": field(0, SERIES_UID, "1.2\n3")}, "bad_fields"),
        ({"manifest": field(0, CODEC, "zip")}, "bad_fields"),
        ({"manifest": field(0, SIZE, limits.MAX_OBJECT + 1)}, "bad_fields"),
        ({"manifest": field(0, SIZE, -1)}, "bad_fields"),
        ({"manifest": field(0, ID, b"short")}, "bad_fields"),
        ({"manifest": objects(lambda _listed: [])}, "wrong_answer"),
        ({"manifest": objects(lambda one: one * (limits.MAX_OBJECTS // 3 + 1))}, "oversize"),
        ({"ticket": bytes(31)}, "bad_fields"),
        ({"until": lambda until: until + 86_400}, "lifetime_too_long"),
        ({"until": 0}, "bad_fields"),
        ({"extra": 1}, "bad_fields"),
    ],
    ids=[
        "object twice", "instance twice", "path as uid", "control character", "unknown codec",
        "huge object", "negative size", "short id", "nothing at all", "too many objects",
        "short ticket", "endless ticket", "ticket over", "one more field",
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_right_is_refused(recipient, holder, changes, code):
    """The holder signs a manifest or ticket with one thing in it that no holder may say."""
    holder.lie_answer = answer_with(holder, **changes)
    fails(recipient, holder, code)


@pytest.mark.parametrize("place", [KEY, HASH, ID])
def test_a_manifest_that_does_not_fit_its_bytes_is_refused(recipient, holder, place):
    """Another key, hash or id than the one under which the object was encrypted."""

    def lie(granted: Granted, _request: Request) -> Granted:
        first, *rest = granted.manifest.objects
        name = {KEY: "key", HASH: "hash", ID: "id"}[place]
        wrong = replace(first, **{name: secrets.token_bytes(len(getattr(first, name)))})
        return replace(granted, manifest=replace(granted.manifest, objects=(wrong, *rest)))

    holder.lie_granted = lie
    fails(recipient, holder, "tampered")


def test_a_shorter_object_is_not_the_object(recipient, holder):
    """The manifest says that an object ends after its first chunk; its last mark is missing."""

    def lie(granted: Granted, _request: Request) -> Granted:
        *rest, large = granted.manifest.objects
        cut = replace(large, size=limits.CHUNK)
        return replace(granted, manifest=replace(granted.manifest, objects=(*rest, cut)))

    holder.lie_granted = lie
    fails(recipient, holder, "tampered")


# --- Another study, or what is here already -------------------------------------------------------


def test_the_answer_for_another_study_is_refused(recipient, holder):
    """Two fetches from one holder: each is given the answer to the other's request."""
    kept: list[bytes] = []
    holder.lie_answer = lambda answer, _request: kept.append(answer) or answer
    arrives(recipient, holder)
    for study in recipient.studies():
        recipient.admin.delete(f"studies/{study['id']}")
    holder.told = 0
    holder.lie_answer = lambda _answer, _request: kept[0]
    fails(recipient, holder, "cannot_open")  # sealed to the key of a request that is over


def test_a_study_that_turns_into_another_halfway_is_refused(recipient, holder):
    """The first answer is honest and the stream breaks; the second is about another study."""

    def cut(honest: Reply) -> Reply:
        return replace(
            honest, body=honest.body[: len(honest.body) // 2], announced=len(honest.body)
        )

    def lie(granted: Granted, _request: Request) -> Granted:
        if len(holder.asked) == 1:
            return granted
        other = replace(
            granted.manifest.study, uid="1.2.89", patient=PatientIdentity("ROE^RICHARD", "43")
        )
        return replace(granted, manifest=replace(granted.manifest, study=other))

    holder.lie_stream, holder.lie_granted, holder.times = cut, lie, 3
    failed = fetch(recipient, holder)
    assert len(holder.asked) == 2
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "wrong_answer")
    assert recipient.studies() == []
    assert left_behind(recipient) == []


def test_an_answer_that_grants_what_is_here_already_is_refused(recipient, holder):
    """The second fetch names what it has; the holder sends it again, with other bytes."""
    first = arrives(recipient, holder)

    def lie(granted: Granted, request: Request) -> Granted:
        assert request.have == {one.entry.id for one in holder.objects}
        return replace(granted, manifest=holder.manifest())

    holder.lie_granted = lie
    failed = fetch(recipient, holder)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "wrong_answer")
    assert sorted(recipient.exported(first["study"]).values()) == sorted(FILES)
    assert len(left_behind(recipient)) == 1


def test_another_version_from_the_holder_supersedes_and_from_a_stranger_waits(recipient, holder):
    """The holder corrects its own object; another peer claims the same instance otherwise."""
    first = arrives(recipient, holder)
    newer = dicom_file(1, study=UID, extra=pixels(b"new" * 400))
    holder.objects[0] = held_object(newer)
    second = fetch(recipient, holder)
    assert (second["state"], second["objects"], second["study"]) == ("done", 1, first["study"])
    assert sorted(recipient.exported(first["study"]).values()) == sorted([newer, *FILES[1:]])
    other = LyingHolder(
        HostileNode("Other"), [dicom_file(1, study=UID, extra=pixels(b"evil" * 300))]
    )
    with other.node.served(other) as node:
        recipient.add_peer(node.url)
        assert fetch(recipient, other)["state"] == "done"
    row = recipient.admin.get(f"studies/{first['study']}").part("study")
    assert (row.integer("waiting"), row.text("state")) == (1, "active")
    assert sorted(recipient.exported(first["study"]).values()) == sorted([newer, *FILES[1:]])


def test_what_another_sender_brought_before_is_not_brought_again(recipient, holder):
    """The same study came on a disc: nothing has to move, and the fetch is done all the same."""
    for content in FILES:
        study = recipient.import_bytes(content).text("study")
    done = fetch(recipient, holder)
    assert (done["state"], done["problem"], done["study"]) == ("done", None, study)
    assert holder.ranges == []
    assert sorted(recipient.exported(study).values()) == sorted(FILES)


# --- Endless answers, and refusals by others ------------------------------------------------------


@pytest.mark.parametrize("where", ["lie_answer", "lie_stream"])
def test_an_endless_body_is_cut_off_and_asked_for_again(recipient, holder, where):
    """The holder sends without end; the recipient neither fills up nor gives up."""
    endless = Reply(200 if where == "lie_answer" else 206, bytes(MIB), announced=-1, endless=True)
    setattr(holder, where, lambda *_what: endless)
    before = resident(recipient)
    arrives(recipient, holder)
    assert resident(recipient) - before < 4 * limits.MAX_ANSWER
    assert len(holder.asked) == 2
    assert holder.asked[0].invocation != holder.asked[1].invocation


def resident(node: RunningNode) -> int:
    """Return the memory of a node's process, bytes (proc(5), VmRSS)."""
    with open(f"/proc/{node.pid}/status", encoding="ascii") as status:  # noqa: PTH123 - proc
        line = next(one for one in status if one.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("key", [STRANGER, None])
def test_a_refusal_counts_only_when_the_holder_signed_it_for_this_request(recipient, holder, key):
    """Signed by a stranger, or by the holder for another request: a reason to try again."""

    def refuse(_answer: bytes, request: Request) -> Reply:
        signed = sign_refusal(
            key or holder.node.key,
            request=request.hash if key else bytes(32),
            at=request.issued,
            error=Revoked("the permission was revoked"),
        )
        return Reply(403, signed)

    holder.lie_answer = refuse
    arrives(recipient, holder)
    assert len(holder.asked) == 2


def test_a_refusal_of_the_holder_is_shown_and_final(recipient, holder):
    """The holder's own signed word ends the fetch at once, with its sentence and hint."""

    def refuse(_answer: bytes, request: Request) -> Reply:
        error = Revoked("the permission was revoked")
        return Reply(
            403, sign_refusal(holder.node.key, request=request.hash, at=request.issued, error=error)
        )

    holder.lie_answer = refuse
    fails(recipient, holder, "revoked")
    assert len(holder.asked) == 2


# --- Acknowledgements of receipts -----------------------------------------------------------------


@pytest.mark.parametrize("lie", ["unsigned", "stranger", "other request", "other receipt"])
def test_a_false_acknowledgement_leaves_the_receipt_due(recipient, holder, lie):
    """The study stays, whatever the holder says of the receipt; it is sent until it is taken."""

    def told(body: bytes) -> Reply:
        key = STRANGER if lie == "stranger" else holder.node.key
        request = bytes(32) if lie == "other request" else request_hash(body)
        if lie == "unsigned":
            return Reply(200, b"thank you")
        ok = {"receipt": bytes(32)}
        return Reply(200, sign_answer(key, request=request, at=0, ok=ok))

    holder.lie_receipt = told
    offer = base64.b64encode(holder.offer_to(recipient.did)).decode()
    started = recipient.admin.post("fetches", {"offer": offer}).part("fetch").text("id")

    def row() -> dict:
        return dict(recipient.admin.get(f"fetches/{started}").part("fetch").raw)

    wait_for("the lie is told", lambda: holder.told, seconds=20)
    done = wait_for("the study is there", lambda: (one := row())["study"] and one, seconds=20)
    assert sorted(recipient.exported(done["study"]).values()) == sorted(FILES)

    def taken() -> bool:
        if row()["receipt"] != "taken":
            recipient.admin.post(f"fetches/{started}/resume")
        return row()["receipt"] == "taken"

    wait_for("the receipt is taken", taken, seconds=20)
    assert len(holder.receipts) >= 2
    assert len({(one.invocation.digest, one.manifest, one.at) for one in holder.receipts}) == 1
