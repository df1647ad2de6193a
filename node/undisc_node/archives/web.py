"""An archive that is reached by DICOMweb (PS3.18 §10): implements `ports.Archive`.

QIDO-RS finds, WADO-RS brings, STOW-RS hands over. DICOMweb knows no storage commitment.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from undisc_node.archives.http import WebClient
from undisc_node.archives.multipart import Parts, boundary_of
from undisc_node.dicom.sources import FileSource
from undisc_node.services.archive_model import FoundStudy, Wanted
from undisc_node.services.errors import Invalid, Unavailable
from undisc_node.services.model import Patient
from undisc_node.services.ports import Outgoing, Source, StoreAnswer, Take, Watch
from undisc_protocol import limits

_JSON: Final = "application/dicom+json"
_OBJECTS: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MAX_JSON: Final = 16 * 2**20  # bytes of one answer; a study takes about 2 KiB
_MAX_TEXT: Final = 256  # characters kept of a value
_WINDOW: Final = 262_144  # bytes sent at once
_AT_ONCE: Final = 8  # objects in one STOW-RS request: an archive may hold a request in memory
_MAX_REQUEST: Final = 64 * 2**20  # bytes after which no further object joins a request
_UID: Final = re.compile(r"[0-9.]{1,64}")
_CONFLICT: Final = 409  # none stored; the body says why (PS3.18 §10.5.3)
_NO_REASON: Final = 0x0110  # processing failure
_UNDERSTANDABLE: Final = 0xC000  # what an archive would say to an object that cannot be read
_OUT_OF_RESOURCES: Final = 0xA7  # high byte
_WANTED: Final = ("00080020", "00080050", "00080061", "00081030", "00100021", "00201208")
_BOUNDARY: Final = "undisc-part-3c6ef372fe94f82b"

Values = Mapping[str, Any]


class WebArchive:
    """Speaks DICOMweb with one archive.

    Args:
        client: Asks it.
        staging: Where objects that come lie for a moment.
        random_name: Names files there.
    """

    def __init__(self, client: WebClient, *, staging: Path, random_name: Callable[[], str]) -> None:
        self._client = client
        self._staging = staging
        self._random_name = random_name

    def echo(self) -> None:
        """Ask for one study, whichever it is."""
        self._query([("limit", "1")])

    def studies(self, wanted: Wanted, *, limit: int) -> Sequence[FoundStudy]:
        """Look for studies (QIDO-RS)."""
        keys = [
            ("PatientID", wanted.patient),
            ("AccessionNumber", wanted.accession),
            ("StudyInstanceUID", wanted.study),
        ]
        found = [_study(one) for one in self._query([*_given(keys), ("limit", str(limit))])]
        return [one for one in found if one is not None and wanted.fits(one)][:limit]

    def patients(self, like: Patient, *, limit: int) -> Sequence[Patient]:
        """Look for patients by the studies that they have (QIDO-RS knows no other way)."""
        family = like.name.partition("^")[0].partition("=")[0].strip()
        if like.id:
            keys = [("PatientID", like.id)]
        elif like.birth_date:
            keys = [("PatientBirthDate", like.birth_date)]
        else:
            keys = [("PatientName", f"{family}*")]
        found: dict[Patient, None] = {}
        for one in self._query([*keys, ("limit", str(10 * limit))]):
            patient = _patient(one)
            same = like.id in ("", patient.id) and (
                bool(like.id) or like.birth_date in ("", patient.birth_date)
            )
            if patient.id and same:
                found[patient] = None
        return list(found)[:limit]

    def retrieve(self, study: FoundStudy, take: Take, watch: Watch) -> None:
        """Bring a study (WADO-RS)."""
        if not _UID.fullmatch(study.uid):
            raise Invalid("the study has no usable UID", code="bad_uid")
        with self._client.asking("GET", f"/studies/{study.uid}", {"Accept": _OBJECTS}) as answer:
            boundary = boundary_of(answer.getheader("Content-Type", ""))
            parts = Parts(lambda count: self._client.read(answer, count), boundary)
            count = 0
            while not watch.wants_to_stop() and self._take_part(parts, take):
                count += 1
                watch.seen(count, max(count, study.instances))
                if count > limits.MAX_OBJECTS:
                    raise Invalid("the PACS sends more images than a study may have")
        if count < study.instances and not watch.wants_to_stop():
            raise Unavailable(
                f"{study.instances - count} of {study.instances} images did not come",
                code="incomplete",
            )

    def _take_part(self, parts: Parts, take: Take) -> bool:
        path = self._staging / f"{self._random_name()}.upload"
        try:
            with path.open("xb") as file:
                size = parts.next_into(file, limits.MAX_OBJECT)
            if size is None:
                return False
            take(FileSource(path))
            return True
        finally:
            path.unlink(missing_ok=True)

    def store(self, objects: Iterable[Outgoing], watch: Watch) -> Iterator[StoreAnswer]:
        """Hand instances over (STOW-RS), a few in each request."""
        batch: list[tuple[Outgoing, Source]] = []
        for one in objects:
            if watch.wants_to_stop():
                return
            try:
                batch.append((one, one.open()))
            except Invalid:
                yield StoreAnswer(one.key, _UNDERSTANDABLE, taken=False)
                continue
            size = sum(source.size for _, source in batch)
            if len(batch) == _AT_ONCE or size >= _MAX_REQUEST:
                yield from self._send(batch)
                batch = []
        if batch and not watch.wants_to_stop():
            yield from self._send(batch)

    def commit(self, objects: Sequence[Outgoing]) -> frozenset[bytes] | None:
        """Return None: DICOMweb knows no storage commitment."""
        del objects
        return None

    def _send(self, batch: Sequence[tuple[Outgoing, Source]]) -> list[StoreAnswer]:
        length = sum(len(_HEAD) + source.size for _, source in batch) + len(_TAIL)
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary="{_BOUNDARY}"',
            "Content-Length": str(length),
            "Accept": _JSON,
        }
        body = _body([source for _, source in batch])
        with self._client.asking(
            "POST", "/studies", headers, body=body, also=frozenset((_CONFLICT,))
        ) as answer:
            found = _decode(self._client.read(answer, _MAX_JSON + 1))
        said = found[0] if found else {}
        taken = {_text(item, "00081155") for item in _items(said, "00081199")}
        failed = {
            _text(item, "00081155"): _number(item, "00081197") for item in _items(said, "00081198")
        }
        return [_answer(one, taken, failed) for one, _ in batch]

    def _query(self, pairs: Sequence[tuple[str, str]]) -> list[Values]:
        fields = [("includefield", one) for one in _WANTED]
        with self._client.asking(
            "GET", "/studies", {"Accept": _JSON}, query=[*pairs, *fields]
        ) as answer:
            data = self._client.read(answer, _MAX_JSON + 1)
        if len(data) > _MAX_JSON:
            raise Unavailable("the PACS answered a query with too much", code="pacs_failed")
        return _decode(data)


_HEAD: Final = f"\r\n--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")
_TAIL: Final = f"\r\n--{_BOUNDARY}--\r\n".encode("ascii")


def _body(sources: Sequence[Source]) -> Iterator[bytes]:
    for source in sources:
        yield _HEAD
        with source.open() as stream:
            while piece := stream.read(_WINDOW):
                yield piece
    yield _TAIL


def _answer(one: Outgoing, taken: set[str], failed: Mapping[str, int]) -> StoreAnswer:
    if one.sop_uid in taken:
        return StoreAnswer(one.key, 0, taken=True)
    status = failed.get(one.sop_uid) or _NO_REASON
    return StoreAnswer(one.key, status, taken=False, passing=status >> 8 == _OUT_OF_RESOURCES)


def _given(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[1]]


def _decode(data: bytes) -> list[Values]:
    """Read DICOM JSON (PS3.18 §F): a list of objects, or one; nothing for an empty body."""
    if not data.strip():
        return []
    try:
        decoded = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise Unavailable("the PACS answered with something unreadable", code="pacs_failed") from (
            problem
        )
    found = decoded if isinstance(decoded, list) else [decoded]
    return [one for one in found if isinstance(one, dict)]


def _values(found: Values, tag: str) -> list[Any]:
    element = found.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    return value if isinstance(value, list) else []


def _items(found: Values, tag: str) -> list[Values]:
    return [one for one in _values(found, tag) if isinstance(one, dict)]


def _texts(found: Values, tag: str) -> list[str]:
    said = []
    for one in _values(found, tag):
        value = one.get("Alphabetic") if isinstance(one, dict) else one
        if isinstance(value, str | int):
            shown = (letter for letter in str(value) if unicodedata.category(letter)[0] != "C")
            said.append("".join(shown).strip()[:_MAX_TEXT])
    return [one for one in said if one]


def _text(found: Values, tag: str) -> str:
    return next(iter(_texts(found, tag)), "")


def _number(found: Values, tag: str) -> int:
    text = _text(found, tag)
    return int(text) if text.isascii() and text.isdecimal() else 0


def _study(found: Values) -> FoundStudy | None:
    uid = _text(found, "0020000D")
    if not _UID.fullmatch(uid):
        return None
    return FoundStudy(
        uid=uid,
        patient=_patient(found),
        date=_text(found, "00080020"),
        accession=_text(found, "00080050"),
        description=_text(found, "00081030"),
        modalities=tuple(_texts(found, "00080061")),
        instances=_number(found, "00201208"),
    )


def _patient(found: Values) -> Patient:
    return Patient(
        name=_text(found, "00100010").rstrip("=^ "),
        id=_text(found, "00100020"),
        issuer=_text(found, "00100021"),
        birth_date=_text(found, "00100030"),
        sex=_text(found, "00100040"),
    )
