"""Requests and receipts made by hand, so that a test can put anything into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nacl.public import PrivateKey

from support.practice import Practice
from support.samples import name
from undisc_node.services.granting import Granted as GrantMade
from undisc_node.services.model import Grant
from undisc_node.services.ports import Reply
from undisc_protocol.answer import request_hash
from undisc_protocol.boxes import box_seal
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.capability.invocation import Arguments, sign_invocation
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import Granted, make_request, read_answer
from undisc_protocol.keys import SignKey
from undisc_protocol.receipt import Stored, read_acknowledgement, sign_receipt

_drawn = iter(range(2**63))


def fresh(size: int) -> bytes:
    """Return bytes that no other call returns."""
    return name(f"asked {next(_drawn)}", size)


@dataclass
class Asked:
    """A request, ready to be sent, and what opens its answer.

    Attributes:
        holder: Whom it asks.
        asker: Who asks.
        proofs: The tokens, root first.
        study: The study it names.
        series: Names of the series it names; empty for all.
        command: What it wants to do.
        have: Ids of objects that the asker says it has.
        key: The key that signs the invocation; the asker's own by default.
        issued: When it was made; now by default.
    """

    holder: Practice
    asker: Practice
    proofs: list[bytes]
    study: bytes
    series: tuple[bytes, ...] = ()
    command: str = COMMAND_READ
    have: frozenset[bytes] = frozenset()
    key: SignKey | None = None
    issued: int | None = None
    invocation: bytes = field(init=False)
    body: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Sign and seal it."""
        key = self.key or self.asker.own.key
        now = self.asker.clock.now_ms() // 1000 if self.issued is None else self.issued
        self.fetch_key = PrivateKey(fresh(32))
        self.invocation = sign_invocation(
            key,
            audience=self.holder.own.key.did,
            subject=self.holder.own.key.did,
            command=self.command,
            arguments=Arguments(
                study=self.study,
                by=key.did,
                key=bytes(self.fetch_key.public_key),
                purpose="TREAT",
                series=self.series,
            ),
            proofs=tuple(Cid.of(proof) for proof in self.proofs),
            nonce=fresh(12),
            issued=now,
            expires=now + 300,
        )
        self.body = self.sealed()

    def sealed(self, *, by: Practice | None = None) -> bytes:
        """Return a request that carries the invocation, signed by a node."""
        sender = by or self.asker
        now = sender.clock.now_ms() // 1000 if self.issued is None else self.issued
        return make_request(
            sender.own.key,
            sender=sender.own.identity,
            to=self.holder.own.id,
            box=bytes(self.holder.own.box.public_key),
            invocation=self.invocation,
            proofs=self.proofs,
            have=self.have,
            nonce=fresh(16),
            ephemeral=fresh(32),
            issued=now,
            expires=now + 300,
        )

    def read(self, reply: Reply, *, body: bytes | None = None) -> Granted:
        """Open an answer, or raise the holder's signed refusal."""
        return read_answer(
            reply.body,
            status=reply.status,
            request=request_hash(body or self.body),
            invocation=Cid.of(self.invocation),
            holder=self.holder.own.key.did,
            fetch_key=self.fetch_key,
            have=self.have,
        )

    def send(self) -> Granted:
        """Ask, and open the answer."""
        return self.read(self.holder.answer(self.body))

    def stored(self, granted: Granted, **changes: Any) -> Stored:
        """Return what the asker states after it has stored everything."""
        said: dict[str, Any] = {
            "invocation": Cid.of(self.invocation),
            "study": self.study,
            "manifest": granted.manifest.hash,
            "objects": len(granted.manifest.objects),
            "size": granted.manifest.size,
            "at": self.asker.clock.now_ms() // 1000,
        }
        return Stored(**said | changes)


def give_receipt(stored: Stored, *, sender: Practice, holder: Practice) -> None:
    """Send a receipt; return when it is acknowledged, or raise the signed refusal."""
    token = sign_receipt(sender.own.key, stored, sender=sender.own.identity, to=holder.own.id)
    body = box_seal(bytes(holder.own.box.public_key), token, ephemeral=fresh(32))
    reply = holder.take(body)
    read_acknowledgement(
        reply.body,
        status=reply.status,
        request=request_hash(body),
        receipt=token,
        holder=holder.own.key.did,
    )


def direct(served: tuple[Practice, Practice], **changes: Any) -> tuple[Asked, Grant]:
    """Ask on a grant that goes straight to the asker."""
    holder, asker = served
    study = holder.study().id
    made = holder.grant(study, asker)
    wanted: dict[str, Any] = {
        "holder": holder,
        "asker": asker,
        "proofs": [made.grant.token],
        "study": study,
    }
    return Asked(**wanted | changes), made.grant


def shared(
    served: tuple[Practice, Practice],
    *,
    register: bool = True,
    series: tuple[bytes, ...] = (),
    **changes: Any,
) -> tuple[Asked, GrantMade, bytes]:
    """Ask on a share that a patient's link gave to the asker."""
    holder, asker = served
    study = holder.study().id
    link = holder.grant(study, None)
    token = holder.share_token(link, asker, series=series, **changes)
    if register:
        holder.sharing.register(token, "admin")
    asked = Asked(holder, asker, [link.grant.token, token], study, series=series)
    return asked, link, token
