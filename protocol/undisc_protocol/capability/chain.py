"""Whether a request stands on a capability: the numbered verification (SPEC.md §4.4).

    1  sizes        no message is larger than its bound
    2  decode       strict DAG-CBOR, nothing before or after it
    3  fields       exactly the fields of a grant, a share, an invocation; commands and policies
                    of the profile's exact shapes
    4  keys         every principal is the did:key of a sound key
    5  signatures   over the received bytes, by each issuer
    6  addresses    asked of us (`aud`), about us (`sub`), the same in every part
    7  times        nothing too early, too late or too long
    8  proofs       the invocation names exactly these proofs, by CIDs computed here
    9  alignment    grant by the subject; share by the grant's audience, and not for longer;
                    invocation by the last audience, or by the key that succeeded it
    10 command      each command lies within the one above it, segment by segment
    11 arguments    the study and series of the policies, by their user
    12 standing     the holder's own rows: `check_standing`

What the caller still must do, in one transaction: look up the rows for step 12; refuse a series
that the study does not have; mark the invocation's id as used, write the log row and make the
ticket. Everything here fails closed and leaves by an exception; the order only decides which error
a message with several faults gets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from undisc_protocol import limits
from undisc_protocol.capability.delegation import COMMAND_ALL, Delegation, read_delegation
from undisc_protocol.capability.invocation import Invocation, read_invocation
from undisc_protocol.did import Did
from undisc_protocol.errors import (
    BadProofs,
    BrokenChain,
    CommandNotGranted,
    LifetimeTooLong,
    Locked,
    NotGranted,
    OutsidePolicy,
    PolicyWidened,
    Revoked,
    ShareTooEarly,
    StudyUnavailable,
    Suspended,
    UnknownRecipient,
    WrongAudience,
    WrongSubject,
)
from undisc_protocol.identity import Identity
from undisc_protocol.times import check_begun, check_lifetime, check_not_ended


@dataclass(frozen=True, slots=True)
class Permission:
    """A verified grant, or grant and share.

    Attributes:
        grant: The holder's grant.
        share: The patient's share, or None for a direct use of the grant.
    """

    grant: Delegation
    share: Delegation | None

    @property
    def last(self) -> Delegation:
        """The delegation whose audience may use the permission."""
        return self.share or self.grant

    @property
    def subject(self) -> Did:
        """The DID under which the holder gave it."""
        return self.grant.subject

    @property
    def audience(self) -> Did:
        """Who may use it."""
        return self.last.audience

    @property
    def command(self) -> str:
        """What may be done."""
        return self.last.command

    @property
    def study(self) -> bytes:
        """The study's id, 16 bytes."""
        return self.grant.policy.study

    @property
    def series(self) -> frozenset[bytes] | None:
        """Names of the only series, or None for the whole study."""
        return frozenset(self.last.policy.series) or None

    @property
    def expires(self) -> int:
        """The first second at which it is over."""
        return self.last.expires

    @property
    def grant_id(self) -> bytes:
        """Id of the grant's row, 32 bytes."""
        return self.grant.signed_hash

    @property
    def share_id(self) -> bytes | None:
        """Id of the share's row, 32 bytes."""
        return self.share.signed_hash if self.share else None


@dataclass(frozen=True, slots=True)
class Claim:
    """A verified request, up to the holder's own rows.

    Attributes:
        permission: What it stands on.
        invocation: What is asked for.
    """

    permission: Permission
    invocation: Invocation

    @property
    def study(self) -> bytes:
        """The wanted study's id, 16 bytes."""
        return self.permission.study

    @property
    def series(self) -> frozenset[bytes] | None:
        """Names of the wanted series, all of them permitted, or None for the whole study."""
        return frozenset(self.invocation.arguments.series) or None

    @property
    def command(self) -> str:
        """What is to be done."""
        return self.invocation.command

    @property
    def audience(self) -> Did:
        """Who asks."""
        return self.permission.audience

    @property
    def grant_id(self) -> bytes:
        """Id of the grant's row, 32 bytes."""
        return self.permission.grant_id

    @property
    def share_id(self) -> bytes | None:
        """Id of the share's row, 32 bytes."""
        return self.permission.share_id

    @property
    def invocation_id(self) -> bytes:
        """SHA-256 of the invocation's bytes: what may be used once."""
        return self.invocation.cid.digest


@dataclass(frozen=True, slots=True)
class Standing:
    """What the holder's own rows say about a permission at this moment.

    Attributes:
        recipient_trusted: The asking node is a trusted peer with the scope for it.
        recipient_revoked: The asking node was revoked.
        grant_known: The grant is one of ours.
        grant_revoked: It was revoked.
        grant_created: When its row was made, seconds since 1970.
        share_revoked: The share was revoked; also by the link it is for.
        study_active: The study exists and is neither held nor withdrawn.
        unlocked: The share is not protected, or the asker has passed the protection.
        suspended: The grant or share came back from a backup and was not confirmed since.
    """

    recipient_trusted: bool
    recipient_revoked: bool
    grant_known: bool
    grant_revoked: bool
    grant_created: int
    share_revoked: bool
    study_active: bool
    unlocked: bool
    suspended: bool


def verify_chain(
    invocation: bytes,
    proofs: Sequence[bytes],
    *,
    own: Collection[Did],
    now: int,
    asker: Identity | None = None,
) -> Claim:
    """Verify a request: steps 1 to 11.

    Args:
        invocation: The invocation as received.
        proofs: The grant, or the grant and the share, as received.
        own: Every DID the holder has had.
        now: The time now, seconds since 1970.
        asker: The node whose request it came in: under its current key it uses what was given to
            its former ones. None if no node asks.

    Raises:
        RemoteProtocolError: The leaf that SPEC.md §4.4 names for the failing step.
    """
    asked = read_invocation(invocation)  # steps 1 to 4
    permission = _read_proofs(proofs)  # steps 1 to 4
    asked.envelope.verify(asked.issuer)  # step 5
    _verify_signatures(permission)  # step 5
    if asked.audience not in own:  # step 6
        raise WrongAudience("an invocation asks another node")
    if asked.subject != permission.subject:  # step 6
        raise WrongSubject("an invocation and its grant are about different nodes")
    _check_subject(permission, own)  # step 6
    check_begun(asked.issued, of="an invocation", now=now)  # step 7
    check_not_ended(asked.expires, of="an invocation", now=now)
    check_lifetime(
        asked.issued, asked.expires, of="an invocation", longest=limits.INVOCATION_LIFETIME
    )
    _check_times(permission, now)  # step 7
    _check_named(asked, permission)  # step 8
    _check_alignment(permission)  # step 9
    if asked.issuer != _user(permission, asker):
        raise BrokenChain("an invocation is not signed by the audience of its last proof")
    _check_commands(permission)  # step 10
    if not _covers(permission.command, asked.command):
        raise CommandNotGranted("an invocation asks for a command beside the granted one")
    _check_policies(permission)  # step 11
    _check_arguments(asked, permission)  # step 11
    return Claim(permission, asked)


def verify_permission(proofs: Sequence[bytes], *, own: Collection[Did], now: int) -> Permission:
    """Verify a grant, or a grant and a share, by itself: steps 1 to 11 without an invocation.

    Args:
        proofs: The grant, or the grant and the share, as received.
        own: Every DID of the node that must have given the grant.
        now: The time now, seconds since 1970.

    Raises:
        RemoteProtocolError: The leaf that SPEC.md §4.4 names for the failing step.
    """
    permission = _read_proofs(proofs)
    _verify_signatures(permission)
    _check_subject(permission, own)
    _check_times(permission, now)
    _check_alignment(permission)
    _check_commands(permission)
    _check_policies(permission)
    return permission


def verify_share(share: bytes, grant: bytes, *, own: Collection[Did], now: int) -> Delegation:
    """Verify a share that is to be registered, against the grant it stands on.

    Args:
        share: The share as received.
        grant: The grant's token, from the holder's own row.
        own: Every DID the holder has had.
        now: The time now, seconds since 1970.

    Returns:
        The share. The caller still checks the grant's row (`check_standing`).

    Raises:
        RemoteProtocolError: As `verify_permission`.
    """
    return verify_permission([grant, share], own=own, now=now).last


def check_standing(permission: Permission, standing: Standing, *, now: int) -> None:
    """Compare a permission with the holder's own rows: step 12.

    Called for every request, and again for every slice of a transfer, since a permission may end or
    be revoked in between.

    Args:
        permission: A verified permission.
        standing: What the rows say now.
        now: The time now, seconds since 1970.

    Raises:
        Revoked: The asking node, the grant or the share was revoked.
        UnknownRecipient: The asking node is not trusted for this.
        NotGranted: The grant is not in our rows, whoever signed it.
        ShareTooEarly: The share was made before the grant.
        Expired: The grant or the share has ended in the meantime.
        StudyUnavailable: The study is unknown, held or withdrawn.
        Locked: The share's protection has not been passed.
    """
    if standing.recipient_revoked:
        raise Revoked("the asking node was revoked")
    if not standing.recipient_trusted:
        raise UnknownRecipient("the asking node is not a trusted peer")
    if not standing.grant_known:
        raise NotGranted("no grant of this node stands behind the capability")
    if standing.grant_revoked or standing.share_revoked:
        raise Revoked("the permission was revoked")
    share = permission.share
    if share and share.not_before is not None and share.not_before < standing.grant_created:
        raise ShareTooEarly("the share is older than the grant it stands on")
    check_not_ended(permission.grant.expires, of="the grant", now=now)
    check_not_ended(permission.expires, of="the permission", now=now)
    if not standing.study_active:
        raise StudyUnavailable("the study is not available")
    if not standing.unlocked:
        raise Locked("the share is protected")
    if standing.suspended:
        raise Suspended("the permission waits for the holder's confirmation")


def _read_proofs(proofs: Sequence[bytes]) -> Permission:
    """Steps 1 to 4; one proof is a grant, two are a grant and a share."""
    if not 1 <= len(proofs) <= limits.MAX_PROOFS:
        raise BadProofs("a request has one proof, a grant, or two, a grant and a share")
    first, *rest = map(read_delegation, proofs)
    return Permission(first, rest[0] if rest else None)


def _parts(permission: Permission) -> tuple[Delegation, ...]:
    return (permission.grant, permission.share) if permission.share else (permission.grant,)


def _verify_signatures(permission: Permission) -> None:
    """Step 5."""
    for part in _parts(permission):
        part.envelope.verify(part.issuer)


def _check_subject(permission: Permission, own: Collection[Did]) -> None:
    """Step 6."""
    for part in _parts(permission):
        if part.subject not in own or part.subject != permission.subject:
            raise WrongSubject("a capability is about another node")


def _check_times(permission: Permission, now: int) -> None:
    """Step 7."""
    for part in _parts(permission):
        if part.not_before is not None:
            check_begun(part.not_before, of="a capability", now=now)
        check_not_ended(part.expires, of="a capability", now=now)
    if permission.grant.expires > now + limits.GRANT_LIFETIME + limits.CLOCK_SKEW:
        raise LifetimeTooLong(f"a grant is valid for more than {limits.GRANT_LIFETIME} seconds")


def _check_named(asked: Invocation, permission: Permission) -> None:
    """Step 8: root first, each once, none missing and none unused."""
    if asked.proofs != tuple(part.cid for part in _parts(permission)):
        raise BadProofs("the proofs are not the ones that the invocation names, in that order")


def _check_alignment(permission: Permission) -> None:
    """Step 9."""
    grant, share = permission.grant, permission.share
    if grant.meta is None or grant.issuer != grant.subject:
        raise BrokenChain("the first proof is not a grant by the node it is about")
    if share and (share.meta is not None or share.issuer != grant.audience):
        raise BrokenChain("the second proof is not a share by the audience of the grant")
    if permission.expires > grant.expires:
        raise LifetimeTooLong("a share ends after its grant")


def _user(permission: Permission, asker: Identity | None) -> Did:
    """Return the one key that may use a permission: nothing new is signed by a former key."""
    if asker is not None and permission.audience in asker.dids:
        return asker.key
    return permission.audience


def _check_commands(permission: Permission) -> None:
    """Step 10: only a grant of everything may be shared, and it covers every share's command."""
    if permission.share and permission.grant.command != COMMAND_ALL:
        raise CommandNotGranted("a direct grant cannot be shared")


def _covers(given: str, wanted: str) -> bool:
    """`/img` covers `/img/read`, and never `/imgadmin`."""
    return wanted == given or wanted.startswith(given + "/")


def _check_policies(permission: Permission) -> None:
    """Step 11, between the proofs."""
    if permission.last.policy.study != permission.grant.policy.study:
        raise PolicyWidened("a share is about another study than its grant")


def _check_arguments(asked: Invocation, permission: Permission) -> None:
    """Step 11, of the invocation."""
    wanted = asked.arguments
    if wanted.study != permission.study:
        raise OutsidePolicy("an invocation asks for another study")
    if wanted.by != permission.audience:
        raise OutsidePolicy("an invocation names another user than the capability")
    permitted = permission.series
    if permitted is not None and not (wanted.series and permitted.issuperset(wanted.series)):
        raise OutsidePolicy("an invocation asks for series outside the capability")
