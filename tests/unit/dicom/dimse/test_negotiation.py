"""Every storage class is taken in the syntax named first; other services are not."""

from __future__ import annotations

import pytest
from pydicom._uid_dict import UID_dictionary

from undisc_node.dicom.dimse.negotiation import COMMITMENT, VERIFICATION, answer, is_storage
from undisc_node.dicom.upper_layer import pdu
from undisc_node.dicom.upper_layer.user_information import Role, UserInformation

IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
FINDS = ("1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1")
CT = "1.2.840.10008.5.1.4.1.1.2"


def test_what_is_storage_is_what_the_dictionary_of_another_implementation_says():
    wrong = []
    for uid, (name, kind, *_) in UID_dictionary.items():
        if kind != "SOP Class" or not name:
            continue  # two retired numbers have no name any more
        called_so = "Storage" in name and "Commitment" not in name and "Directory" not in name
        if is_storage(uid) != called_so:
            wrong.append((uid, name))
    assert wrong == []


@pytest.mark.parametrize(
    ("abstract", "transfer", "expected", "chosen"),
    [
        (CT, (JPEG, EXPLICIT), 0, JPEG),
        (CT, ("1.2.840.113619.5.2",), 0, "1.2.840.113619.5.2"),
        ("1.2.840.113619.4.30", (IMPLICIT,), 0, IMPLICIT),
        (VERIFICATION, (JPEG, EXPLICIT, IMPLICIT), 0, EXPLICIT),
        (VERIFICATION, (JPEG,), 4, JPEG),
        ("1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT,), 3, IMPLICIT),  # C-FIND
        ("1.2.840.10008.1.20.1", (IMPLICIT,), 3, IMPLICIT),  # storage commitment
        ("1.2.840.10008.3.1.2.3.3", (IMPLICIT,), 3, IMPLICIT),  # performed procedure step
    ],
)
def test_a_context_is_accepted_or_not(abstract, transfer, expected, chosen):
    request = pdu.AssociateRequest(
        "A", "B", (pdu.ProposedContext(1, abstract, transfer),), UserInformation(0)
    )
    accept = answer(request, max_length=131_072)
    assert accept.contexts == (pdu.ContextResult(1, expected, chosen),)
    assert accept.user.max_length == 131_072


def test_neither_roles_nor_asynchronous_operations_are_agreed_upon():
    user = UserInformation(0, operations=(0, 0), roles=(Role(CT, True, True),))  # noqa: FBT003
    accept = answer(pdu.AssociateRequest("A", "B", (), user), max_length=64)
    assert accept.user.operations is None
    assert accept.user.roles == ()


def test_whoever_may_query_is_offered_queries_and_takes_instances_back():
    """PS3.4 §C.5.3.1: in a C-GET the workstation is the provider of storage."""
    proposed = (
        *(
            pdu.ProposedContext(n, uid, (JPEG, EXPLICIT))
            for n, uid in zip((1, 3), FINDS, strict=True)
        ),
        pdu.ProposedContext(5, FINDS[0], (JPEG,)),
        pdu.ProposedContext(7, CT, (JPEG, EXPLICIT)),
    )
    roles = (Role(CT, user=False, provider=True), Role(FINDS[0], user=False, provider=True))
    request = pdu.AssociateRequest("A", "B", proposed, UserInformation(0, roles=roles))
    accept = answer(request, max_length=64, queries=True)
    assert [(one.answer, one.transfer_syntax) for one in accept.contexts] == [
        (0, EXPLICIT), (0, EXPLICIT), (4, JPEG), (0, JPEG),
    ]  # fmt: skip
    assert accept.user.roles == (Role(CT, user=False, provider=True),)
    refused = answer(request, max_length=64)
    assert [one.answer for one in refused.contexts] == [3, 3, 3, 0]
    assert refused.user.roles == ()


def test_a_storage_commitment_is_reported_by_whoever_selects_the_role_of_the_provider():
    """PS3.4 §J.3.3: the archive calls back, and is the provider although it asks."""
    proposed = (pdu.ProposedContext(1, COMMITMENT, (IMPLICIT,)),)
    user = UserInformation(0, roles=(Role(COMMITMENT, user=False, provider=True),))
    accept = answer(pdu.AssociateRequest("A", "B", proposed, user), max_length=64)
    assert accept.contexts == (pdu.ContextResult(1, 0, IMPLICIT),)
    assert accept.user.roles == (Role(COMMITMENT, user=False, provider=True),)
