"""What is agreed upon when somebody wants an association (PS3.8 §9.3.3, PS3.7 §D.3).

Every storage class is taken, also retired and private ones, in whatever transfer syntax the sender
named first: the node keeps bytes as they come. Queries and retrievals are offered to whoever may
ask, and to nobody else. What the standard registers for other services and the node does not do is
refused.
"""

from __future__ import annotations

from typing import Final

from undisc_node.dicom.part10 import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS as CLASS_UID
from undisc_node.dicom.upper_layer.pdu import (
    AssociateAccept,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ProposedContext,
)
from undisc_node.dicom.upper_layer.user_information import Role, UserInformation

VERSION_NAME: Final = "UNDISC"
VERIFICATION: Final = "1.2.840.10008.1.1"
COMMITMENT: Final = "1.2.840.10008.1.20.1"  # Storage Commitment Push Model

_REGISTERED: Final = "1.2.840.10008."  # everything that DICOM itself has named (PS3.6 §A)
_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
# Storage classes that are named outside the branch of storage classes (PS3.4 §B.5, §GG).
_ALSO_STORAGE: Final = frozenset(
    (
        "1.2.840.10008.5.1.1.27",  # Stored Print
        "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image
        "1.2.840.10008.5.1.1.30",  # Hardcopy Color Image
        "1.2.840.10008.5.1.4.34.1",  # RT Beams Delivery Instruction - Trial
        "1.2.840.10008.5.1.4.34.7",  # RT Beams Delivery Instruction
        "1.2.840.10008.5.1.4.34.10",  # RT Brachy Application Setup Delivery Instruction
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol
        "1.2.840.10008.5.1.4.39.1",  # Color Palette
        "1.2.840.10008.5.1.4.43.1",  # Generic Implant Template
        "1.2.840.10008.5.1.4.44.1",  # Implant Assembly Template
        "1.2.840.10008.5.1.4.45.1",  # Implant Template Group
    )
)
_NOT_STORAGE: Final = frozenset(  # queries that are named within it
    f"{_STORAGE}{branch}"
    for branch in ("200.4", "200.5", "200.6", "201.2", "201.3", "201.4", "201.5", "201.6")
)
QUERIES: Final = frozenset(
    f"1.2.840.10008.5.1.4.1.2.{root}.{kind}" for root in (1, 2) for kind in (1, 2, 3)
)
"""Patient and study root, FIND, MOVE and GET (PS3.4 §C.6)."""
_LITTLE: Final = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE))  # in which we encode answers
_PLAIN_SYNTAXES: Final = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG))


def is_storage(sop_class: str) -> bool:
    """Tell whether instances of a class can be stored; whatever DICOM has not named can be."""
    if not sop_class.startswith(_REGISTERED) or sop_class in _ALSO_STORAGE:
        return True
    return sop_class.startswith(_STORAGE) and sop_class not in _NOT_STORAGE


def answer(request: AssociateRequest, *, max_length: int, queries: bool = False) -> AssociateAccept:
    """Answer a request for an association.

    Operations are not asynchronous, so these are not answered: that is how one declines (PS3.7
    §D.3.3.3). Roles are as they are by default, but for two: whoever reports a storage commitment
    opens the association in the role of the provider (PS3.4 §J.3.3), for which it selects roles;
    and whoever retrieves by C-GET selects that role for what it takes (PS3.4 §C.5.3.1).

    Args:
        request: What is asked for.
        max_length: Bytes of the largest P-DATA-TF PDU that we take.
        queries: Whether the other side may query and retrieve.
    """
    reports = any(role.sop_class == COMMITMENT and role.provider for role in request.user.roles)
    roles = [Role(COMMITMENT, user=False, provider=True)] if reports else []
    if queries:
        roles += [
            Role(role.sop_class, user=role.user, provider=True)
            for role in request.user.roles
            if role.provider and is_storage(role.sop_class)
        ]
    return AssociateAccept(
        called=request.called,
        calling=request.calling,
        contexts=tuple(
            _result(context, reports=reports, queries=queries) for context in request.contexts
        ),
        user=UserInformation(max_length, CLASS_UID, VERSION_NAME, roles=tuple(roles)),
    )


def _result(context: ProposedContext, *, reports: bool, queries: bool) -> ContextResult:
    """Decide about one context."""
    first = context.transfer_syntaxes[0]
    known = _PLAIN_SYNTAXES
    if queries and context.abstract_syntax in QUERIES:
        known = _LITTLE
    elif context.abstract_syntax != VERIFICATION and not (
        reports and context.abstract_syntax == COMMITMENT
    ):
        if is_storage(context.abstract_syntax):
            return ContextResult(context.id, ContextAnswer.ACCEPTED, first)
        return ContextResult(context.id, ContextAnswer.ABSTRACT_SYNTAX, first)
    understood = [uid for uid in context.transfer_syntaxes if uid in known]
    if understood:
        return ContextResult(context.id, ContextAnswer.ACCEPTED, understood[0])
    return ContextResult(context.id, ContextAnswer.TRANSFER_SYNTAXES, first)
