"""Does a study belong to a visit? Pure decisions; names are never compared.

| accession number, patient id with issuer, birth date | then the study …                    |
|-------------------------------------------------------|-------------------------------------|
| all agree                                             | belongs to the visit                |
| the accession number agrees, something else does not  | waits for a person                  |
| the patient id agrees, within the visit's time        | waits for a person                  |
| anything else                                         | has nothing to do with it           |
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from undisc_node.services.consent_rows import Covers, Visit
from undisc_node.services.deciding import PEER_SENDER
from undisc_node.services.department_rows import Order
from undisc_node.services.model import Patient, Study

_DAY_MS: Final = 86_400_000
BEFORE_MS: Final = _DAY_MS  # images may come before the consent is written down
AFTER_MS: Final = 30 * _DAY_MS  # a visit with several appointments, or a modality that was offline


def same_person(one: Patient, other: Patient) -> bool:
    """Tell whether patient id, its issuer and birth date are there and agree."""
    return bool(one.id and one.birth_date) and (
        (one.id, one.issuer, one.birth_date) == (other.id, other.issuer, other.birth_date)
    )


def accessions_of(visit: Visit, orders: Sequence[Order]) -> frozenset[str]:
    """Return the accession numbers of a visit: named ones, and those of orders within its days.

    Args:
        visit: The visit.
        orders: Orders of its patient id, as the department told them.
    """
    scope = visit.scope
    told = [
        one.accession
        for one in orders
        if scope.covers is not Covers.ORDERS
        and same_person(one.patient, visit.patient)
        and scope.first <= one.scheduled[:8] <= scope.last
    ]
    return frozenset({*scope.orders, *told} - {""})


def fits(visit: Visit, study: Study, accessions: Collection[str]) -> bool:
    """Tell whether a study belongs to a visit without anybody looking at it."""
    return study.accession in accessions and same_person(visit.patient, study.patient)


def is_near(visit: Visit, study: Study, accessions: Collection[str]) -> bool:
    """Tell whether a person has to look whether a study belongs to a visit."""
    if study.accession and study.accession in accessions:
        return True
    if not study.patient.id or study.patient.id != visit.patient.id:
        return False
    match visit.scope.covers:
        case Covers.VISIT:
            return visit.opened_ms - BEFORE_MS <= study.created_ms <= visit.opened_ms + AFTER_MS
        case Covers.DATES:
            return visit.scope.first <= study.study_date <= visit.scope.last
        case Covers.ORDERS:
            return False


def is_ours(study: Study) -> bool:
    """Tell whether a study was taken here: other practices number orders and patients alike."""
    return not study.sender.startswith(PEER_SENDER)
