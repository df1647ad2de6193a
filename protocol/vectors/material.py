"""Two nodes in the middle of an exchange: what the cases of sections 6 and 7 are made of."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from nacl.public import PrivateKey
from vectorfile import NOW, fixed, fixed_key

from undisc_protocol import limits
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.delegation import Basis, Meta, sign_grant
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
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


def identity_of(label: str) -> Identity:
    """Return the identity of a node that is always the same for a label."""
    record = sign_identity_record(
        fixed_key(label),
        next_hash=sha256(fixed_key(f"{label} recovery").public).digest(),
        issued=NOW - 1000,
    )
    return read_identity([record])


def successor_of(label: str) -> tuple[SignKey, Identity]:
    """Return a node after its key was replaced once: the new key, and both records."""
    first = identity_of(label)
    key = fixed_key(f"{label} recovery")
    second = sign_identity_record(
        key, next_hash=fixed(f"{label} next"), issued=NOW - 10, previous=first.records[0]
    )
    return key, read_identity([*first.records, second])


def card_of(label: str, *, succeeded: bool = False) -> bytes:
    """Return the signed status card of a node, also after its key was replaced."""
    key, identity = successor_of(label) if succeeded else (fixed_key(label), identity_of(label))
    card = StatusCard(
        node_id=identity.node_id,
        number=identity.number,
        seq=NOW * 1000,
        name=f"practice of {label}",
        urls=("https://node.example",),
        box=bytes(box_key(fixed(label)).public_key),
        checkpoint=None,
        issued=NOW,
        expires=NOW + limits.STATUS_CARD_LIFETIME,
    )
    return sign_status_card(key, card)


HOLDER_KEY: Final[SignKey] = fixed_key("holder")
ASKER_KEY: Final[SignKey] = fixed_key("asker")
STRANGER_KEY: Final[SignKey] = fixed_key("stranger")
HOLDER: Final[Identity] = identity_of("holder")
ASKER: Final[Identity] = identity_of("asker")
STRANGER: Final[Identity] = identity_of("stranger")
HOLDER_BOX: Final[PrivateKey] = box_key(fixed("holder"))
FETCH_KEY: Final[PrivateKey] = PrivateKey(fixed("fetch key"))
STUDY: Final[bytes] = fixed("study", 16)
GRANT: Final[bytes] = sign_grant(
    HOLDER_KEY,
    audience=ASKER_KEY.did,
    study=STUDY,
    command="/img/read",
    meta=Meta(Basis.TREATMENT),
    nonce=fixed("grant", 12),
    expires=NOW + 86_400,
)
INVOCATION: Final[bytes] = sign_invocation(
    ASKER_KEY,
    audience=HOLDER_KEY.did,
    subject=HOLDER_KEY.did,
    command="/img/read",
    arguments=Arguments(STUDY, ASKER_KEY.did, bytes(FETCH_KEY.public_key)),
    proofs=(Cid.of(GRANT),),
    nonce=fixed("invocation", 12),
    issued=NOW,
    expires=NOW + 300,
)


def listed(label: str, size: int, number: int) -> ManifestObject:
    """Return one object of a manifest."""
    return ManifestObject(
        id=fixed(f"{label} id", 16),
        key=fixed(f"{label} key"),
        codec="raw",
        size=size,
        hash=fixed(f"{label} hash"),
        series=fixed("series name", 16),
        series_uid="1.2.826.0.1.3680043.10.1.2",
        sop_uid=f"1.2.826.0.1.3680043.10.1.2.{number}",
        sop_class="1.2.840.10008.5.1.4.1.1.2",
        syntax="1.2.840.10008.1.2.1",
        modality="CT",
        number=number,
    )


MANIFEST: Final[Manifest] = Manifest(
    ManifestStudy(
        uid="1.2.826.0.1.3680043.10.1",
        patient=PatientIdentity("M\u00fcller^\u00c4nne", "4711", "Praxis", "19700101", "F"),
        study_date="20270114",
        study_time="081500",
        accession="A-77",
        description="Sch\u00e4del nativ",
    ),
    (listed("first", 527_000, 1), listed("second", limits.CHUNK + 1, 2), listed("third", 0, 3)),
)


def to_holder(signed: bytes) -> bytes:
    """Seal to the holder's box key."""
    return box_seal(bytes(HOLDER_BOX.public_key), signed, ephemeral=fixed("to holder"))


def to_asker(signed: bytes) -> bytes:
    """Seal to the key of the asker's invocation."""
    return box_seal(bytes(FETCH_KEY.public_key), signed, ephemeral=fixed("to asker"))


def flipped(raw: bytes, place: int = -1) -> bytes:
    """Return the bytes with one bit changed."""
    changed = bytearray(raw)
    changed[place] ^= 1
    return bytes(changed)
