"""Readers of the vectors of SPEC.md sections 2 and 3."""

from nacl.public import PrivateKey

from undisc_protocol import dagcbor, keys, link
from undisc_protocol.capability import envelope
from undisc_protocol.did import Did, decode_did, fingerprint_words
from undisc_protocol.identity import (
    check_continues,
    read_identity,
    read_node_document,
    read_status_card,
)
from undisc_protocol.kit import open_kit
from undisc_protocol.link_code import read_code


def read_dagcbor(vector):
    value = dagcbor.decode(vector.parts["bytes"], limit=int(vector.headers["limit"]))
    return {"value": dagcbor.encode(value).hex()}


def read_envelope(vector):
    opened = envelope.read(
        vector.parts["bytes"], tag=vector.headers["tag"], limit=int(vector.headers["limit"])
    )
    opened.verify(Did(vector.headers["signer"]))
    return {"cid": str(opened.cid), "signed": opened.signed_hash.hex()}


def read_did(vector):
    return {"key": decode_did(vector.parts["text"].decode()).hex()}


def read_words(vector):
    return {"words": " ".join(fingerprint_words(vector.parts["digest"]))}


def derive_key(vector):
    secret = vector.parts.get("secret", b"")
    match vector.headers["derive"]:
        case "box":
            box = keys.box_key(secret)
            return {"private": bytes(box).hex(), "public": bytes(box.public_key).hex()}
        case "link":
            key = keys.link_key(secret)
            return {"seed": bytes(key.signing).hex(), "did": key.did}
        case "series":
            return {"name": keys.series_name(secret, vector.headers["uid"]).hex()}
        case "kit":
            passphrase = vector.headers["passphrase"]
            return {"key": keys.kit_key(passphrase, vector.parts["salt"]).hex()}
        case "backup":
            key, block = keys.backup_key(secret), vector.parts["block"]
            return {"key": key.hex(), "name": keys.backup_block_name(key, block).hex()}
        case "public":
            return {
                "did": keys.SignKey.from_seed(secret).did,
                "x25519": bytes(PrivateKey(secret).public_key).hex(),
            }
    raise AssertionError(vector.headers["derive"])


def open_sealed(vector):
    opened = keys.unseal(
        vector.parts["key"],
        vector.parts["sealed"],
        domain=vector.headers["domain"].encode(),
        bound_to=vector.parts["bound-to"],
    )
    return {"plaintext": opened.hex()}


def read_whole_link(vector):
    read = link.read_link(vector.parts["text"].decode())
    return {
        "address": read.address,
        "secret": read.secret.hex(),
        "did": keys.link_key(read.secret).did,
    }


def read_link(vector):
    secret = link.read_secret(vector.parts["text"].decode())
    return {"secret": secret.hex(), "did": keys.link_key(secret).did}


def read_records(vector):
    identity = read_identity(_records(vector))
    return {"node": identity.node_id.hex(), "did": identity.key}


def read_continued(vector):
    known = [part for name, part in vector.parts.items() if name.startswith("known-")]
    check_continues(read_identity(_records(vector)), known)
    return {}


def _records(vector):
    return [part for name, part in vector.parts.items() if name.startswith("record-")]


def read_card(vector):
    card = read_status_card(
        vector.parts["card"],
        identity=read_identity(_records(vector)),
        now=int(vector.headers["now"]),
    )
    return {
        "name": card.name,
        "seq": str(card.seq),
        "box": card.box.hex(),
        "urls": " ".join(card.urls),
        "checkpoint": card.checkpoint.root.hex() if card.checkpoint else "",
    }


def read_document(vector):
    document = read_node_document(vector.parts["bytes"], now=int(vector.headers["now"]))
    return {"node": document.identity.node_id.hex(), "name": document.card.name}


def read_kit(vector):
    kit = open_kit(vector.parts["text"].decode(), vector.headers["passphrase"])
    return {
        "node": kit.node_id.hex(),
        "recovery": kit.recovery_seed.hex(),
        "kek": kit.key_encryption_key.hex(),
    }


READERS = {
    "dagcbor": read_dagcbor,
    "envelope": read_envelope,
    "did": read_did,
    "words": read_words,
    "keys": derive_key,
    "sealed": open_sealed,
    "link": read_link,
    "whole-link": read_whole_link,
    "code": lambda vector: {"code": read_code(vector.parts["text"].decode())},
    "identity": read_records,
    "continued": read_continued,
    "status": read_card,
    "node-document": read_document,
    "kit": read_kit,
}
