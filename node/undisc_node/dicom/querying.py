"""Asks archives what they have, by C-FIND (PS3.4 §C): studies, patients, kinds of objects.

An archive may ignore keys that it does not know and answer with everything it has, so answers are
compared with the question again, and bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from undisc_node.dicom import text
from undisc_node.dicom.calling import Called, calling
from undisc_node.services.archive_model import FoundStudy, Wanted
from undisc_node.services.errors import Refused, Unavailable
from undisc_node.services.model import Patient

PATIENT_ROOT: Final = str(PatientRootQueryRetrieveInformationModelFind)
STUDY_ROOT: Final = str(StudyRootQueryRetrieveInformationModelFind)
MAX_ANSWERS: Final = 5_000  # looked at for one question, whatever the archive sends
MAX_SERIES: Final = 100  # whose kinds of objects are asked for
_PENDING: Final = frozenset((0xFF00, 0xFF01))  # PS3.4 §C.4.1.1.4
_UTF_8: Final = "ISO_IR 192"


def find_studies(called: Called, wanted: Wanted, *, limit: int) -> Sequence[FoundStudy]:
    """Look for studies; see `ports.Archive.studies`."""
    keys = _keys(
        QueryRetrieveLevel="STUDY",
        PatientID=wanted.patient,
        AccessionNumber=wanted.accession,
        StudyInstanceUID=wanted.study,
        PatientName="",
        IssuerOfPatientID="",
        PatientBirthDate="",
        PatientSex="",
        StudyDate="",
        StudyDescription="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedInstances="",
    )
    found: dict[str, FoundStudy] = {}
    with calling(called, [(STUDY_ROOT, None)]) as association:
        for answer in _answers(association, keys, STUDY_ROOT):
            study = _study(answer)
            if study is not None and wanted.fits(study):
                found.setdefault(study.uid, study)
            if len(found) >= limit:
                association.abort()
                break
    return list(found.values())


def find_patients(called: Called, like: Patient, *, limit: int) -> Sequence[Patient]:
    """Look for patients; see `ports.Archive.patients`."""
    family = like.name.partition("^")[0].partition("=")[0].strip()
    # A birth date has few patients in any practice, and is spelt in one way only.
    name = "" if like.id or like.birth_date or not family else f"{family}*"
    with calling(called, [(PATIENT_ROOT, None), (STUDY_ROOT, None)]) as association:
        roots = {str(one.abstract_syntax) for one in association.accepted_contexts}
        root = PATIENT_ROOT if PATIENT_ROOT in roots else STUDY_ROOT
        keys = _keys(
            QueryRetrieveLevel="PATIENT" if root == PATIENT_ROOT else "STUDY",
            PatientID=like.id,
            PatientName=name,
            PatientBirthDate="" if like.id else like.birth_date,
            IssuerOfPatientID="",
            PatientSex="",
        )
        if root == STUDY_ROOT:
            keys.StudyInstanceUID = ""
        found: dict[Patient, None] = {}
        for answer in _answers(association, keys, root):
            patient = _patient(answer)
            same_id = like.id in ("", patient.id)
            if patient.id and same_id and (like.id or _same_birth(like, patient)):
                found[patient] = None
            if len(found) >= limit:
                association.abort()
                break
    return list(found)


def _same_birth(like: Patient, found: Patient) -> bool:
    return like.birth_date in ("", found.birth_date)


def find_classes(called: Called, study: str) -> Sequence[str]:
    """Return the SOP classes of a study's instances; empty when the archive does not say.

    Raises:
        Unavailable: It does not answer.
        Refused: It does not answer such questions.
    """
    with calling(called, [(STUDY_ROOT, None)]) as association:
        keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=study, SOPClassesInStudy="")
        found = {
            uid
            for answer in _answers(association, keys, STUDY_ROOT)
            for uid in _texts(answer, "SOPClassesInStudy")
        }
        if not found:
            keys = _keys(QueryRetrieveLevel="SERIES", StudyInstanceUID=study, SeriesInstanceUID="")
            series = [
                _text(answer, "SeriesInstanceUID")
                for answer in _answers(association, keys, STUDY_ROOT)
            ]
            for uid in series[:MAX_SERIES]:
                keys = _keys(
                    QueryRetrieveLevel="IMAGE",
                    StudyInstanceUID=study,
                    SeriesInstanceUID=uid,
                    SOPInstanceUID="",
                    SOPClassUID="",
                )
                for answer in _answers(association, keys, STUDY_ROOT):
                    found.update(_texts(answer, "SOPClassUID"))
    return sorted(uid for uid in found if text.is_uid(uid))


def _keys(**values: str) -> Dataset:
    keys = Dataset()
    if not all(value.isascii() for value in values.values()):
        keys.SpecificCharacterSet = _UTF_8
    for name, value in values.items():
        setattr(keys, name, value)
    return keys


def _answers(association: Any, keys: Dataset, root: str) -> Iterator[Dataset]:
    """Ask one question; yield at most `MAX_ANSWERS` identifiers."""
    if not association.is_established:
        raise Unavailable("the PACS broke off")
    if not any(str(one.abstract_syntax) == root for one in association.accepted_contexts):
        raise Refused("the PACS does not answer queries (C-FIND)", code="no_query")
    for count, (status, identifier) in enumerate(association.send_c_find(keys, root)):
        if "Status" not in status:
            raise Unavailable("the PACS did not answer a query in time")
        if status.Status not in _PENDING:
            if status.Status:
                raise Refused(
                    f"the PACS refused a query with status 0x{status.Status:04X}",
                    code="query_refused",
                    hint="may this node query it",
                )
            return
        if count == MAX_ANSWERS:
            association.abort()
            return
        if identifier is not None:
            yield identifier


def _study(answer: Dataset) -> FoundStudy | None:
    uid = _text(answer, "StudyInstanceUID")
    if not text.is_uid(uid):
        return None
    instances = _text(answer, "NumberOfStudyRelatedInstances")
    return FoundStudy(
        uid=uid,
        patient=_patient(answer),
        date=_text(answer, "StudyDate"),
        accession=_text(answer, "AccessionNumber"),
        description=_text(answer, "StudyDescription"),
        modalities=tuple(_texts(answer, "ModalitiesInStudy")),
        instances=int(instances) if instances.isascii() and instances.isdecimal() else 0,
    )


def _patient(answer: Dataset) -> Patient:
    return Patient(
        name=_text(answer, "PatientName").rstrip("=^ "),
        id=_text(answer, "PatientID"),
        issuer=_text(answer, "IssuerOfPatientID"),
        birth_date=_text(answer, "PatientBirthDate"),
        sex=_text(answer, "PatientSex"),
    )


def _text(answer: Dataset, name: str) -> str:
    return next(iter(_texts(answer, name)), "")


def _texts(answer: Dataset, name: str) -> Sequence[str]:
    """Return the values of an attribute as clean text, none of them empty."""
    try:
        value = answer.get(name)
    except Exception:  # noqa: BLE001 - the library fails in many ways on bytes it does not expect
        return ()
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    cleaned = (text.clean(str(one)) for one in values if one is not None)
    return tuple(one for one in cleaned if one)
