"""Acts as the patient's agent: signs a share with the key of a link (SPEC.md §4.2).

The node is not asked to sign for the patient and never sees the link's secret; it gives the grant's
token, and gets the finished share.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from undisc_admin.errors import CommandError, ExitCode, usage
from undisc_protocol import limits
from undisc_protocol.capability.delegation import (
    COMMAND_ALL,
    Delegation,
    read_delegation,
    sign_share,
)
from undisc_protocol.did import Did
from undisc_protocol.errors import ProtocolError
from undisc_protocol.keys import SignKey, link_key

NONCE: Final = 16  # bytes, random; limits allow 12 to 32


@dataclass(frozen=True, slots=True)
class ShareWish:
    """What a share should say.

    Attributes:
        audience: The recipient's DID.
        command: `/img/read` or `/img/view`.
        series: Names of the only series; empty for the whole study.
        made: Now, seconds since 1970.
        expires: End, seconds since 1970; None for the grant's.
        nonce: `NONCE` fresh random bytes.
    """

    audience: Did
    command: str
    series: tuple[bytes, ...]
    made: int
    expires: int | None
    nonce: bytes


def key_of_link(secret: bytes) -> SignKey:
    """Derive the key of a link from its 32-byte secret."""
    return link_key(secret)


def share_on(grant_token: str, key: SignKey, wish: ShareWish) -> str:
    """Sign a share on a grant, after reading what the grant really says.

    Args:
        grant_token: The grant in base64, as the node gave it.
        key: The link's key, which the grant must name.
        wish: What the share should say.

    Returns:
        The signed share in base64.

    Raises:
        CommandError: The grant is not one that this key may share, or ends earlier.
    """
    grant = _read_grant(grant_token, key)
    if wish.expires is not None and wish.expires > grant.expires:
        raise usage("the share would outlive the grant it stands on", "see `undisc grants list`")
    try:
        share = sign_share(
            key,
            audience=wish.audience,
            subject=grant.subject,
            study=grant.policy.study,
            command=wish.command,
            nonce=wish.nonce,
            not_before=wish.made,
            expires=grant.expires if wish.expires is None else wish.expires,
            series=tuple(sorted(set(wish.series))),
        )
    except ProtocolError as problem:
        raise CommandError(str(problem), exit_code=ExitCode.INVALID, code=problem.code) from None
    return base64.b64encode(share).decode()


def _read_grant(token: str, key: SignKey) -> Delegation:
    try:
        grant = read_delegation(base64.b64decode(token, validate=True)[: limits.MAX_TOKEN + 1])
        grant.envelope.verify(grant.issuer)
    except (binascii.Error, ProtocolError):
        raise CommandError("the node gave a grant that cannot be read", code="bad_grant") from None
    if grant.audience != key.did or grant.command != COMMAND_ALL or grant.meta is None:
        raise CommandError("the node gave a grant that this link cannot share", code="bad_grant")
    return grant
