"""Signs a grant and makes its row: one place for all who give something."""

from __future__ import annotations

from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Grant
from undisc_protocol.capability.delegation import Meta, read_delegation, sign_grant
from undisc_protocol.did import Did


def signed_grant(
    own: OwnIdentity,
    *,
    audience: Did,
    study: bytes,
    command: str,
    meta: Meta,
    nonce: bytes,
    expires: int,
    staff: str,
    purpose: str,
    now_ms: int,
) -> Grant:
    """Sign a grant with the node key and return its row, not stored yet.

    Args:
        own: Who we are.
        audience: Whom it names.
        study: The study's id.
        command: What they may do.
        meta: On what authority, which the row repeats.
        nonce: Fresh random bytes.
        expires: End, seconds since 1970.
        staff: Who answers for it.
        purpose: Why.
        now_ms: The time.
    """
    token = sign_grant(
        own.key,
        audience=audience,
        study=study,
        command=command,
        meta=meta,
        nonce=nonce,
        expires=expires,
    )
    return Grant(
        id=read_delegation(token).signed_hash,
        token=token,
        study=study,
        audience=audience,
        command=command,
        basis=meta.basis,
        staff=staff,
        purpose=purpose,
        expires=expires,
        created_ms=now_ms,
        revoked_ms=None,
    )
