"""Readers of the vectors of SPEC.md section 4."""

from undisc_protocol.capability.chain import (
    Standing,
    check_standing,
    verify_chain,
    verify_permission,
)
from undisc_protocol.capability.delegation import read_delegation
from undisc_protocol.capability.invocation import read_invocation
from undisc_protocol.identity import read_identity


def read_one_delegation(vector):
    delegation = read_delegation(vector.parts["bytes"])
    return {"cid": str(delegation.cid), "id": delegation.signed_hash.hex()}


def read_one_invocation(vector):
    return {"cid": str(read_invocation(vector.parts["bytes"]).cid)}


def _proofs(vector):
    return [part for name, part in vector.parts.items() if name.startswith("proof-")]


def _claim(vector):
    return verify_chain(
        vector.parts["invocation"],
        _proofs(vector),
        own=vector.headers["own"].split(),
        now=int(vector.headers["now"]),
        asker=_asker(vector),
    )


def _asker(vector):
    records = [part for name, part in vector.parts.items() if name.startswith("asker-")]
    return read_identity(records) if records else None


def read_chain(vector):
    claim = _claim(vector)
    return {
        "study": claim.study.hex(),
        "series": " ".join(sorted(name.hex() for name in claim.series or ())),
        "by": claim.audience,
        "grant": claim.grant_id.hex(),
        "share": claim.share_id.hex() if claim.share_id else "",
    }


def read_permission(vector):
    verify_permission(
        _proofs(vector), own=vector.headers["own"].split(), now=int(vector.headers["now"])
    )
    return {}


def read_standing(vector):
    claim = _claim(vector)
    says = {name: answer == "yes" for name, answer in vector.headers.items()}
    check_standing(
        claim.permission,
        Standing(
            recipient_trusted=says["recipient-trusted"],
            recipient_revoked=says["recipient-revoked"],
            grant_known=says["grant-known"],
            grant_revoked=says["grant-revoked"],
            grant_created=int(vector.headers["grant-created"]),
            share_revoked=says["share-revoked"],
            study_active=says["study-active"],
            unlocked=says["unlocked"],
            suspended=says.get("suspended", False),
        ),
        now=int(vector.headers.get("later", vector.headers["now"])),
    )
    return {}


READERS = {
    "delegation": read_one_delegation,
    "invocation": read_one_invocation,
    "chain": read_chain,
    "permission": read_permission,
    "standing": read_standing,
}
