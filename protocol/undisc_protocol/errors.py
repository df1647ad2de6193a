"""Errors of the protocol, sorted by whose fault they are.

`LocalProtocolError` means that this program asked for something the protocol does not allow: a bug
or a wrong call on our side. `RemoteProtocolError` means that bytes from outside are wrong, or ask
for something they may not have. Every distinguishable cause is one leaf class with one stable wire
code (SPEC.md §2.4); `class_of_code` leads back from the code an answer carries to the class.

The message is a sentence for a person; it never holds a secret or patient data.
"""

from __future__ import annotations

from typing import ClassVar


class ProtocolError(Exception):
    """Base of all protocol errors; never raised itself.

    Attributes:
        code: Stable wire code, ASCII lower case and underscores.
        status: The HTTP status with which a node answers (SPEC.md §2.4).
        layer: Which part of reading a message refuses: the same words as in the vectors.
        hint: What the reader can do about it; may be empty. Each class has one; an error that came
            in a peer's answer carries the peer's.
    """

    code: ClassVar[str] = "protocol_error"
    layer: ClassVar[str] = ""
    status: ClassVar[int] = 500
    hint: str = ""


class LocalProtocolError(ProtocolError):
    """This side broke the protocol."""

    code = "local_error"


class RemoteProtocolError(ProtocolError):
    """The other side broke the protocol, or asked for what it may not have."""

    code = "remote_error"
    status = 400


class Oversize(RemoteProtocolError):
    """Something is larger than its bound in `limits`."""

    code = "oversize"
    layer = "size"
    status = 413
    hint = "the sender must split or shorten it; bounds are in SPEC.md §2.3"


class Malformed(RemoteProtocolError):
    """Bytes are not the one canonical encoding of anything."""

    code = "malformed"
    layer = "decode"
    hint = "the bytes were damaged on the way or written by a faulty program"


class BadFields(RemoteProtocolError):
    """Well-formed bytes with missing, extra or wrongly typed fields."""

    code = "bad_fields"
    layer = "fields"
    hint = "both nodes must speak the same version of the protocol"


class LinkDamaged(RemoteProtocolError):
    """No link, or not a whole one, can be read from a text; or a code has a typing mistake."""

    code = "link_damaged"
    layer = "link"
    hint = "copy the whole link again, or type the code that stands beside it"


class BadKey(RemoteProtocolError):
    """A principal is not a canonical did:key of a sound Ed25519 public key."""

    code = "bad_key"
    layer = "key"


class BadSignature(RemoteProtocolError):
    """A signature does not verify."""

    code = "bad_signature"
    layer = "signature"
    status = 403
    hint = "the bytes were changed after signing, or signed by another key"


class BrokenIdentity(RemoteProtocolError):
    """An identity record does not follow the one before it."""

    code = "broken_identity"
    layer = "identity"
    status = 403
    hint = "somebody who is not that node may be signing in its name; ask its administrator"


class OutdatedIdentity(RemoteProtocolError):
    """The node shows older identity records than those it is known by."""

    code = "outdated_identity"
    layer = "identity"
    status = 403
    hint = "the key was replaced; restore the node's newest identity records and recovery kit"


class ForkedIdentity(RemoteProtocolError):
    """The node shows other identity records than those it is known by."""

    code = "forked_identity"
    layer = "identity"
    status = 403
    hint = "two nodes claim to be the same one; the administrators must talk to each other"


class BrokenCommitment(RemoteProtocolError):
    """A node says something else in a pairing than it committed to."""

    code = "broken_commitment"
    layer = "identity"
    status = 403
    hint = "somebody may be between the two nodes; invite again, on another way"


class NoInvitation(RemoteProtocolError):
    """The invitation is unknown, used up or expired; the answer does not say which."""

    code = "no_invitation"
    layer = "standing"
    status = 403
    hint = "an invitation is good for one try within five minutes; ask for a new one"


class CannotOpen(RemoteProtocolError):
    """Sealed bytes do not open with our key."""

    code = "cannot_open"
    layer = "seal"
    hint = "ask the node for its current status card and try again"


class WrongSubject(RemoteProtocolError):
    """The capability is about another node."""

    code = "wrong_subject"
    layer = "subject"
    status = 403
    hint = "ask the node that is named in the capability"


class WrongAudience(RemoteProtocolError):
    """The message or capability is addressed to somebody else."""

    code = "wrong_audience"
    layer = "audience"
    status = 403
    hint = "only the recipient named in the capability can use it"


class NotYetValid(RemoteProtocolError):
    """Presented before its first moment."""

    code = "not_yet_valid"
    layer = "time"
    status = 403
    hint = "check the clocks of both nodes, or wait until the named time"


class Expired(RemoteProtocolError):
    """Presented after its last moment."""

    code = "expired"
    layer = "time"
    status = 403
    hint = "ask the practice or the patient for a new one"


class LifetimeTooLong(RemoteProtocolError):
    """Its end lies further away than the protocol allows."""

    code = "lifetime_too_long"
    layer = "time"
    status = 403


class BadProofs(RemoteProtocolError):
    """Proofs are missing, repeated, unused or too many."""

    code = "bad_proofs"
    layer = "proofs"
    status = 403


class BrokenChain(RemoteProtocolError):
    """A capability was not issued by the audience of the one above it."""

    code = "broken_chain"
    layer = "chain"
    status = 403


class CommandNotGranted(RemoteProtocolError):
    """The command is wider than, or beside, what was granted."""

    code = "command_not_granted"
    layer = "command"
    status = 403


class PolicyWidened(RemoteProtocolError):
    """A policy has another shape than the one exact shape, or allows more than its parent."""

    code = "policy_widened"
    layer = "policy"
    status = 403


class OutsidePolicy(RemoteProtocolError):
    """The arguments ask for another study, series or user than the capability names."""

    code = "outside_policy"
    layer = "args"
    status = 403
    hint = "the capability covers another study or series"


class UnknownRecipient(RemoteProtocolError):
    """The asking node is not a trusted peer."""

    code = "unknown_recipient"
    layer = "standing"
    status = 403
    hint = "the administrators of both nodes must trust each other first: undisc peers add"


class Revoked(RemoteProtocolError):
    """The grant, share, link or peer was revoked."""

    code = "revoked"
    layer = "standing"
    status = 403
    hint = "the practice or the patient has taken the permission back"


class NotGranted(RemoteProtocolError):
    """No active grant of ours stands behind the chain."""

    code = "not_granted"
    layer = "standing"
    status = 403


class ShareTooEarly(RemoteProtocolError):
    """The share claims to be older than the grant it stands on."""

    code = "share_too_early"
    layer = "standing"
    status = 403
    hint = "a new grant does not revive older shares; the patient must share again"


class StudyUnavailable(RemoteProtocolError):
    """The study is unknown, held or withdrawn; the answer does not say which."""

    code = "study_unavailable"
    layer = "standing"
    status = 404
    hint = "ask the practice that holds the study"


class Locked(RemoteProtocolError):
    """The share is protected and no unlock stands for this requester."""

    code = "locked"
    layer = "standing"
    status = 403
    hint = "give the link and its passcode, and the one-time code if one is asked: undisc fetch"


class WrongPasscode(RemoteProtocolError):
    """The passcode of a link is another one; the attempt was counted."""

    code = "wrong_passcode"
    layer = "unlock"
    status = 403
    hint = "ask whoever gave you the link; capital and small letters are different"


class AttemptsUsedUp(RemoteProtocolError):
    """Too many wrong passcodes were given for the link: the right one does not open it any more."""

    code = "attempts_used_up"
    layer = "unlock"
    status = 403
    hint = "the practice that holds the study can allow new attempts: undisc links reopen"


class CodeAsked(RemoteProtocolError):
    """The link asks for the one-time code that was sent to the contact its sharer has named."""

    code = "code_asked"
    layer = "unlock"
    status = 403
    hint = "ask whom the link was shared with for the code, and give it within ten minutes"


class WrongCode(RemoteProtocolError):
    """The one-time code of a link is another one, is over, or was used."""

    code = "wrong_code"
    layer = "unlock"
    status = 403
    hint = "look for the newest message; an older code does not work any more"


class CodesUsedUp(RemoteProtocolError):
    """For now, codes were sent for the link, or tried, as often as they may be."""

    code = "codes_used_up"
    layer = "unlock"
    status = 403
    hint = "ask for a new code, or try again tomorrow"


class UsesUsedUp(RemoteProtocolError):
    """The link was opened as often as it may be."""

    code = "uses_used_up"
    layer = "unlock"
    status = 403
    hint = "ask the practice or the patient for a new link"


class Suspended(RemoteProtocolError):
    """The holder came back from a backup and has not confirmed the permission yet."""

    code = "suspended"
    layer = "standing"
    status = 503
    hint = "the other practice must confirm its permissions first; the fetch goes on after that"


class Replayed(RemoteProtocolError):
    """This very invocation was used before."""

    code = "replayed"
    layer = "replay"
    status = 409
    hint = "every request needs a fresh invocation"


class BadTicket(RemoteProtocolError):
    """The ticket is unknown, expired, or its capability was revoked."""

    code = "bad_ticket"
    layer = "ticket"
    status = 403
    hint = "ask again with a fresh invocation"


class OutsideExtent(RemoteProtocolError):
    """Bytes outside what the ticket covers."""

    code = "outside_extent"
    layer = "ticket"
    status = 416


class Tampered(RemoteProtocolError):
    """Stored or received bytes do not authenticate."""

    code = "tampered"
    layer = "content"
    status = 502
    hint = "nothing of it was stored; ask the holder to check its storage (undisc-node doctor)"


class WrongAnswer(RemoteProtocolError):
    """A signed answer belongs to another request."""

    code = "wrong_answer"
    layer = "answer"
    status = 502


class OutOfOrder(RemoteProtocolError):
    """A message arrived in a state that does not expect it."""

    code = "out_of_order"
    layer = "state"


class Unreachable(RemoteProtocolError):
    """The other node did not give a signed answer; worth a retry."""

    code = "unreachable"
    layer = "transport"
    status = 503
    hint = "check the address and the connection, then try again; the transfer resumes"


class Busy(RemoteProtocolError):
    """The other node is at a limit; worth a retry later."""

    code = "busy"
    layer = "transport"
    status = 503
    hint = "try again in a minute"


class RemoteFault(RemoteProtocolError):
    """The other node failed on its own side, or used a code this version does not know."""

    code = "remote_fault"
    layer = "transport"
    status = 502


REMOTE_CODES: dict[str, type[RemoteProtocolError]] = {
    leaf.code: leaf for leaf in RemoteProtocolError.__subclasses__()
}
"""Every wire code of a remote error and its class, in the order of reading a message."""


def class_of_code(code: str) -> type[RemoteProtocolError]:
    """Return the class of a wire code; `RemoteFault` for a code this version does not know."""
    return REMOTE_CODES.get(code, RemoteFault)
