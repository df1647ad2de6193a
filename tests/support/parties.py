"""Two practices in the middle of an exchange: the holder's node, the asker's, and what they say."""

from dataclasses import dataclass
from hashlib import sha256

from nacl.public import PrivateKey

from undisc_protocol import limits
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import Granted, make_answer, make_request
from undisc_protocol.identity import (
    Identity,
    StatusCard,
    read_identity,
    sign_identity_record,
    sign_status_card,
)
from undisc_protocol.keys import SignKey, box_key
from undisc_protocol.manifest import Manifest, ManifestObject, ManifestStudy
from undisc_protocol.pack import PatientIdentity
from undisc_protocol.receipt import Stored, sign_receipt
from undisc_protocol.tree import Checkpoint

NOW = 1_795_498_283
STUDY = b"study of sixteen"


def label(text, size=32):
    """Bytes that look random and are always the same for a text."""
    return sha256(text.encode()).digest()[:size]


@dataclass(frozen=True)
class Party:
    """A node with everything it signs and opens with."""

    key: SignKey
    box: PrivateKey
    identity: Identity
    card: bytes


def party(name):
    """Make a node of a name."""
    seed = label(name)
    key, box = SignKey.from_seed(seed), box_key(seed)
    record = sign_identity_record(key, next_hash=label(name + " next"), issued=NOW - 1000)
    identity = read_identity([record])
    card = StatusCard(
        node_id=identity.node_id,
        number=0,
        seq=NOW * 1000,
        name=f"practice of {name}",
        urls=("https://node.example",),
        box=bytes(box.public_key),
        checkpoint=None,
        issued=NOW,
        expires=NOW + limits.STATUS_CARD_LIFETIME,
    )
    return Party(key, box, identity, sign_status_card(key, card))


HOLDER, ASKER, STRANGER = party("holder"), party("asker"), party("stranger")
FETCH_KEY = PrivateKey(label("fetch key"))
GRANT = sign_grant(
    HOLDER.key,
    audience=ASKER.key.did,
    study=STUDY,
    command="/img/read",
    meta=Meta(Basis.TREATMENT),
    nonce=label("grant", 12),
    expires=NOW + 86_400,
)
INVOCATION = sign_invocation(
    ASKER.key,
    audience=HOLDER.key.did,
    subject=HOLDER.key.did,
    command="/img/read",
    arguments=Arguments(STUDY, ASKER.key.did, bytes(FETCH_KEY.public_key)),
    proofs=(Cid.of(GRANT),),
    nonce=label("invocation", 12),
    issued=NOW,
    expires=NOW + 300,
)
INVOCATION_CID = Cid.of(INVOCATION)


def request(**changes):
    """Make the asker's request; arguments of `make_request` can be changed."""
    arguments = {
        "sender": ASKER.identity,
        "to": HOLDER.identity.node_id,
        "box": bytes(HOLDER.box.public_key),
        "invocation": INVOCATION,
        "proofs": [GRANT],
        "nonce": label("request", 16),
        "ephemeral": label("request box"),
        "issued": NOW,
        "expires": NOW + 300,
    }
    return make_request(ASKER.key, **arguments | changes)


REQUEST = request()
REQUEST_HASH = sha256(REQUEST).digest()


def granted_object(name, size=100, **changes):
    """Describe one object of a manifest."""
    fields = {
        "id": label(name, 16),
        "key": label(name + " key"),
        "codec": "raw",
        "size": size,
        "hash": label(name + " hash"),
        "series": label("series", 16),
        "series_uid": "1.2.840.1",
        "sop_uid": f"1.2.840.1.{int.from_bytes(label(name, 4))}",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "syntax": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "number": 1,
    }
    return ManifestObject(**fields | changes)


MANIFEST = Manifest(
    ManifestStudy("1.2.840.2", PatientIdentity("Müller^Änne", "4711"), "20261124", "0531"),
    (granted_object("one"), granted_object("two", limits.CHUNK + 1)),
)
TICKET = label("ticket")
CHECKPOINT = Checkpoint(label("origin", 16), 5, label("root"))
GRANTED = Granted(MANIFEST, TICKET, NOW, NOW + limits.TICKET_LIFETIME, CHECKPOINT)


def answer(granted=GRANTED, key=HOLDER.key, **changes):
    """Make the holder's answer; arguments of `make_answer` can be changed."""
    arguments = {
        "request": REQUEST_HASH,
        "invocation": INVOCATION_CID,
        "reply_to": bytes(FETCH_KEY.public_key),
        "ephemeral": label("answer box"),
    }
    return make_answer(key, granted, **arguments | changes)


STORED = Stored(INVOCATION_CID, STUDY, MANIFEST.hash, 2, MANIFEST.size, NOW)
RECEIPT = sign_receipt(ASKER.key, STORED, sender=ASKER.identity, to=HOLDER.identity.node_id)


def to_holder(signed):
    """Seal signed bytes to the holder."""
    return box_seal(bytes(HOLDER.box.public_key), signed, ephemeral=label("to holder"))


def to_asker(signed):
    """Seal signed bytes to the key of the asker's invocation."""
    return box_seal(bytes(FETCH_KEY.public_key), signed, ephemeral=label("to asker"))
