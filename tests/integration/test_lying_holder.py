"""A holder that lies or rots, and tampered receipts: nothing wrong is stored, and it recovers."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from nacl.public import PrivateKey

from support.hostile_peer import HostileNode, Reply, document_of, now, speak
from support.lying_holder import LyingHolder, change, held_object
from support.two_nodes import RunningNode, befriend, dicom_file, pixels, proofs_of, refused, running
from undisc_admin.errors import ExitCode
from undisc_protocol import limits
from undisc_protocol.boxes import box_seal
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import Granted
from undisc_protocol.keys import SignKey
from undisc_protocol.manifest import Manifest
from undisc_protocol.pack import FRAME_HEAD, PACK_HEAD, read_frame_head
from undisc_protocol.receipt import Stored

pytestmark = pytest.mark.integration

FILES = [
    dicom_file(number, study="1.2.77", extra=pixels(bytes([number]) * (limits.CHUNK + 5_000)))
    for number in (1, 2)
]
STRANGER = SignKey.from_seed(b"stranger" * 4)


@pytest.fixture(scope="module")
def recipient():
    """A real node that trusts whoever it is told to."""
    with running("Practice B") as (node,):
        yield node


@pytest.fixture
def holder(recipient: RunningNode):
    """A lying node that the recipient trusts, with two objects of two chunks each."""
    lying = LyingHolder(HostileNode("Liar"), FILES)
    with lying.node.served(lying) as node:
        recipient.add_peer(node.url)
        yield lying
    for study in recipient.studies():
        recipient.admin.delete(f"studies/{study['id']}")


def fetch(recipient: RunningNode, holder: LyingHolder) -> dict:
    """Fetch from the liar once."""
    return recipient.fetch(holder.offer_to(recipient.did))


def assert_refused(recipient: RunningNode, holder: LyingHolder, code: str) -> None:
    """Require a failed fetch with this code, nothing stored, success once the truth is told."""
    failed = fetch(recipient, holder)
    assert (failed["state"], (failed["problem"] or {}).get("code")) == ("failed", code), failed
    assert recipient.studies() == []
    assert_heals(recipient, holder)


def assert_heals(recipient: RunningNode, holder: LyingHolder) -> None:
    """Require that the study arrives whole after all, by resuming or by fetching again."""
    done = fetch(recipient, holder)
    assert (done["state"], done["receipt"]) == ("done", "taken"), done
    assert sorted(recipient.exported(done["study"]).values()) == sorted(FILES)


@pytest.mark.parametrize("place", [0, limits.CHUNK + 3, -1])
def test_a_changed_chunk(recipient, holder, place):
    """One bit of the ciphertext differs: in a first chunk, in a second one, in the last tag."""
    holder.lie_stream = lambda honest: change(honest, place)
    assert_refused(recipient, holder, "tampered")


def test_swapped_objects(recipient, holder):
    """The ciphertexts of two objects of the same size are exchanged."""
    size = len(holder.objects[0].sealed)

    def swap(honest: Reply) -> Reply:
        return replace(honest, body=honest.body[size:] + honest.body[:size])

    holder.lie_stream = swap
    assert_refused(recipient, holder, "tampered")


def test_an_object_under_a_key_that_opens_it_to_something_else(recipient, holder):
    """AES-GCM does not commit to its key, so the hash of the whole is what counts."""
    other = held_object(FILES[1].replace(b"\x02" * 99, b"\x03" * 99))

    def lie(granted: Granted, _request) -> Granted:
        first, second = granted.manifest.objects
        entry = replace(other.entry, hash=second.hash)
        holder.objects[1] = replace(other, entry=entry)
        ticket = secrets.token_bytes(32)
        holder._streams[ticket] = holder.objects[0].sealed + other.sealed
        manifest = Manifest(granted.manifest.study, (first, entry))
        return replace(granted, manifest=manifest, ticket=ticket)

    honest = list(holder.objects)
    holder.lie_granted = lie
    failed = fetch(recipient, holder)
    assert failed["problem"]["code"] == "tampered"
    assert recipient.studies() == []
    holder.objects = honest
    assert_heals(recipient, holder)


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (lambda h, g, r: change(Reply(200, h.answer(g, r)), 200).body, "cannot_open"),
        (lambda h, g, r: h.answer(g, r, key=STRANGER), "bad_signature"),
        (lambda h, g, r: h.answer(g, replace(r, hash=bytes(32))), "wrong_answer"),
        (lambda h, g, r: h.sealed(b"\x00" + b"nonsense", r), "malformed"),
    ],
    ids=["changed", "forged", "other-request", "nonsense"],
)
def test_a_wrong_answer(recipient, holder, lie, code):
    """Changed on the way, signed by a stranger, for another request, or no answer at all."""
    kept: dict[str, Granted] = {}

    def remember(granted: Granted, _request) -> Granted:
        kept["granted"] = granted
        return granted

    holder.lie_granted = remember
    holder.lie_answer = lambda _answer, request: lie(holder, kept["granted"], request)
    holder.times = 2
    assert_refused(recipient, holder, code)


def test_an_unsigned_error_is_only_a_reason_to_try_again(recipient, holder):
    """Anybody on the way can say 'revoked'; without the holder's signature nobody believes it."""
    said = b'{"error":{"code":"revoked","message":"no","hint":""}}'
    holder.lie_answer = lambda _answer, _request: Reply(403, said)
    assert_heals(recipient, holder)
    assert len(holder.asked) == 2


@pytest.mark.parametrize(
    "lie",
    [
        lambda honest: replace(honest, status=200, headers=()),
        lambda honest: replace(honest, body=honest.body[:-100], announced=len(honest.body)),
        lambda honest: replace(honest, body=b"", announced=len(honest.body)),
        lambda honest: replace(honest, headers=(("Content-Range", "bytes 0-0/9"),)),
        lambda honest: replace(honest, status=500, body=b"", headers=()),
    ],
    ids=["200-for-206", "short", "nothing", "other-range", "broken"],
)
def test_a_stream_that_is_not_what_was_asked_for_is_asked_for_again(recipient, holder, lie):
    """A proxy or a liar cuts the stream or sends another: not one byte of it counts."""
    holder.lie_stream = lie
    assert_heals(recipient, holder)
    assert len(holder.asked) >= 2


def test_a_tampered_receipt_is_not_filed():
    """Changed on the way, or about other objects than were answered: the holder files neither."""
    with running("Practice A") as (real,):
        study = real.import_bytes(FILES[0]).text("study")
        peer = HostileNode("Recipient")
        with peer.served() as node:
            real.add_peer(node.url)
        _, offer = real.grant(study, "Recipient")
        holder, fetch_key = document_of(real.url), PrivateKey.generate()
        invocation = peer.invocation(holder, proofs_of(offer), fetch_key=fetch_key)
        body = peer.request(holder, invocation, [one.raw for one in proofs_of(offer)])
        granted = peer.post(real.url, holder, body, Cid.of(invocation), fetch_key)
        stored = Stored(
            invocation=Cid.of(invocation),
            study=bytes.fromhex(study),
            manifest=granted.manifest.hash,
            objects=1,
            size=len(FILES[0]),
            at=now(),
        )

        def send(receipt: bytes) -> int:
            sealed = box_seal(holder.card.box, receipt, ephemeral=secrets.token_bytes(32))
            return speak(real.url, "POST", "/undisc/v1/receipt", sealed).status

        def filed() -> list:
            return real.admin.get(f"studies/{study}").raw["receipts"]

        honest = peer.receipt(holder, stored)
        assert send(honest[:-1] + bytes([honest[-1] ^ 1])) == 403
        assert send(peer.receipt(holder, replace(stored, manifest=bytes(32)))) == 403
        assert send(peer.receipt(holder, replace(stored, invocation=Cid.of(b"other")))) == 403
        assert filed() == []
        assert send(honest) == send(honest) == 200
        assert len(filed()) == 1


def test_a_changed_header_on_the_holders_disk():
    """A sealed header of a pack changes while the node is down: refused for good, with a reason."""
    with running("Practice A", "Practice B") as (real, recipient):
        befriend(real, recipient)
        study = real.import_bytes(FILES[0]).text("study")
        _, offer = real.grant(study, "Practice B")
        real.stop()
        (pack,) = (real.home / "packs").iterdir()
        content = bytearray(pack.read_bytes())
        header = PACK_HEAD + FRAME_HEAD + read_frame_head(content[PACK_HEAD:][:FRAME_HEAD]).length
        content[header + FRAME_HEAD + 30] ^= 1
        pack.write_bytes(content)
        real.start()
        failed = recipient.fetch(offer)
        assert (failed["state"], failed["problem"]["code"]) == ("failed", "tampered")
        assert recipient.studies() == []
        assert refused(real.admin.get, f"studies/{study}").exit_code == ExitCode.DAMAGED
