"""A practice that is attacked: what it has given out, and what it must refuse."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import pytest
from nacl.public import PrivateKey

from support.hostile_peer import (
    FETCH,
    PACKS,
    HostileNode,
    Said,
    authorization,
    document_of,
    now,
    resigned,
    speak,
)
from support.two_nodes import RunningNode, dicom_file, pixels, proofs_of
from undisc_protocol.answer import request_hash
from undisc_protocol.capability.delegation import (
    Basis,
    Delegation,
    Meta,
    read_delegation,
    sign_grant,
    sign_share,
)
from undisc_protocol.dagcbor import Cid
from undisc_protocol.errors import RemoteProtocolError, Unreachable
from undisc_protocol.exchange import Granted, read_answer
from undisc_protocol.identity import NodeDocument
from undisc_protocol.keys import SignKey

TOO_EARLY = 120  # seconds; twice what two clocks may differ


class Practice:
    """Practice A: a real node with studies, and what it has given out."""

    def __init__(self, node: RunningNode) -> None:
        self.node = node
        self.study = self.new_study("1.2.3")
        self.document: NodeDocument = document_of(node.url)
        self.friend = HostileNode("Friend")
        with self.friend.served():
            node.add_peer(self.friend.url)
        self.friends_grant, offer = node.grant(self.study, self.friend.id)
        self.friends_chain = proofs_of(offer)

    def new_study(self, uid: str) -> str:
        for number, series in ((1, 1), (2, 1), (3, 2)):
            stored = self.node.import_bytes(
                dicom_file(number, study=uid, series=series, extra=pixels(secrets.token_bytes(900)))
            )
        return stored.text("study")

    def ask(self, asker: HostileNode, proofs: Sequence[Delegation], **how: object) -> Granted:
        return asker.ask(self.node.url, self.document, proofs, **how)

    def answered(self) -> int:
        return len(self.node.events("fetch.answered"))

    def peer(self, name: str, **how: object) -> HostileNode:
        """Make another trusted peer."""
        node = HostileNode(name)
        with node.served():
            self.node.add_peer(node.url, **how)
        return node

    def refuses(self, code: str, asker: HostileNode, proofs: Sequence[Delegation], **how: object):
        """Require the exact signed refusal, and that nothing counts as answered."""
        before = self.answered()
        with pytest.raises(RemoteProtocolError) as caught:
            self.ask(asker, proofs, **how)
        assert caught.value.code == code
        assert self.answered() == before
        return caught.value


@dataclass(frozen=True)
class Link:
    """A patient's link on one study."""

    practice: Practice
    grant_id: str
    key: SignKey
    grant: Delegation

    def share_to(self, asker: HostileNode, **changes: object) -> list[Delegation]:
        """Sign a share; payload fields can be changed at will."""
        begin = now()
        share = sign_share(
            self.key,
            audience=asker.key.did,
            subject=self.grant.subject,
            study=self.grant.policy.study,
            command="/img/read",
            nonce=secrets.token_bytes(12),
            not_before=begin,
            expires=begin + 3_600,
        )
        return [self.grant, Part(resigned(share, self.key, **changes))]


class Part:
    """A delegation that may be too wrong to be read as one."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.cid = raw, Cid.of(raw)
        with suppress(RemoteProtocolError):
            self.policy, self.subject = read_delegation(raw).policy, read_delegation(raw).subject


def read(practice: Practice, ticket: bytes, span: str) -> Said:
    return speak(practice.node.url, "GET", PACKS, headers=[authorization(ticket), ("Range", span)])


def as_part(chain: Sequence[Delegation], wrong: Delegation, right: Delegation) -> list[Delegation]:
    """Put a wrong delegation in a chain's last place, with the policy that it should have."""
    wrong.policy, wrong.subject = right.policy, right.subject
    return [*chain[:-1], wrong]


def own_grant(practice: Practice, **changes: object) -> Part:
    """Sign a grant with the node's very key, as a thief of the key would: no row stands behind."""
    key = practice.node.node_key()
    grant = sign_grant(
        key,
        audience=practice.friend.key.did,
        study=bytes.fromhex(practice.study),
        command="/img/read",
        meta=Meta(Basis.TREATMENT),
        nonce=secrets.token_bytes(12),
        expires=now() + 1000,
    )
    return Part(resigned(grant, key, **changes))


def series_of(practice: Practice) -> dict[str, bytes]:
    """Return the capability names of the study's series by UID."""
    manifest = practice.ask(practice.friend, practice.friends_chain).manifest
    return {one.series_uid: one.series for one in manifest.objects}


def post_again(practice: Practice, body: bytes, invocation: bytes, key: PrivateKey) -> Granted:
    return practice.friend.post(practice.node.url, practice.document, body, Cid.of(invocation), key)


@dataclass(frozen=True)
class Sent:
    """A request as it went over the wire."""

    body: bytes
    invocation: bytes
    key: PrivateKey


def prepared(practice: Practice) -> Sent:
    key, chain = PrivateKey.generate(), practice.friends_chain
    invocation = practice.friend.invocation(practice.document, chain, fetch_key=key)
    body = practice.friend.request(practice.document, invocation, [part.raw for part in chain])
    return Sent(body, invocation, key)


@contextmanager
def stopped(practice: Practice) -> Iterator[sqlite3.Connection]:
    """Stop the node while the block changes its catalog."""
    practice.node.stop()
    try:
        with closing(sqlite3.connect(practice.node.home / "catalog.sqlite3")) as catalog:
            yield catalog
            catalog.commit()
    finally:
        practice.node.start()


def error_code(said: Said) -> str:
    """Return the code of an unsigned error: the error shape, and nothing else."""
    error = json.loads(said.body)["error"]
    assert set(error) == {"code", "message", "hint"}
    return error["code"]


def assert_bad_ticket(said: Said) -> None:
    assert (said.status, error_code(said)) == (403, "bad_ticket")
    assert said.headers["cache-control"] == "no-store"


def signed_refusal(practice: Practice, body: bytes) -> str:
    """Post a body; require a refusal that the holder has signed, and return its code."""
    said = speak(practice.node.url, "POST", FETCH, body)
    assert said.status != 200
    with pytest.raises(RemoteProtocolError) as caught:
        read_answer(
            said.body,
            status=said.status,
            request=request_hash(body),
            invocation=Cid.of(b""),
            holder=practice.document.identity.key,
            fetch_key=PrivateKey.generate(),
        )
    assert not isinstance(caught.value, Unreachable), "the refusal is not signed"
    return caught.value.code
