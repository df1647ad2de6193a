"""Rows and drafts that are right in every respect; a test changes what its story needs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from support.clock import START_MS, SeededEntropy
from undisc_node.services.model import (
    Basis,
    Extent,
    Fetch,
    FetchState,
    Grant,
    InstanceFacts,
    Pack,
    PackRole,
    Patient,
    Peer,
    PeerState,
    Receipt,
    Share,
    Study,
    StudyState,
    Ticket,
)
from undisc_node.services.ports import Draft
from undisc_protocol.did import Did
from undisc_protocol.keys import SignKey
from undisc_protocol.pack import PatientIdentity, StudyHeader, hash_object
from undisc_protocol.tree import Checkpoint


def name(text: str, size: int) -> bytes:
    """Return an id of `size` bytes; another text gives another id."""
    return SeededEntropy(text).random(size)


def did(text: str) -> Did:
    """Return somebody's DID."""
    return SignKey.from_seed(name(text, 32)).did


def study(text: str = "study", **changes: Any) -> Study:
    """Return a settled CT study."""
    number = int.from_bytes(name(text, 6), "big")
    sample = Study(
        id=name(text, 16),
        uid=f"1.2.826.0.1.{number}",
        patient=Patient("Doe^Jane", "P-100", "hospital", "19700102", "F"),
        study_date="20261124",
        study_time="053123",
        accession="A-7",
        description="CT of the head",
        modalities=("CT", "SR"),
        sender="dicom:CT1",
        instances=2,
        size=1_052_000,
        waiting=0,
        state=StudyState.ACTIVE,
        reason="",
        created_ms=START_MS,
        arrived_ms=START_MS,
        settled_ms=START_MS,
    )
    return replace(sample, **changes)


def pack(of: Study, text: str = "pack", **changes: Any) -> Pack:
    """Return the row of a pack."""
    return replace(Pack(name(text, 16), of.id, PackRole.MAIN, 4_000, None), **changes)


def grant(text: str = "grant", **changes: Any) -> Grant:
    """Return an active grant."""
    sample = Grant(
        id=name(text, 32),
        token=b"a signed grant",
        study=name("study", 16),
        audience=did("patient"),
        command="/img",
        basis=Basis.TREATMENT,
        staff="Dr A. Smith",
        purpose="second opinion",
        expires=START_MS // 1000 + 86_400,
        created_ms=START_MS,
        revoked_ms=None,
    )
    return replace(sample, **changes)


def share(text: str = "share", **changes: Any) -> Share:
    """Return an active share on the sample grant."""
    sample = Share(
        id=name(text, 32),
        token=b"a signed share",
        grant=name("grant", 32),
        study=name("study", 16),
        audience=did("hospital"),
        command="/img/read",
        series=(name("series 1", 16), name("series 2", 16)),
        expires=START_MS // 1000 + 3_600,
        created_ms=START_MS,
        revoked_ms=None,
    )
    return replace(sample, **changes)


def peer(text: str = "peer", **changes: Any) -> Peer:
    """Return a trusted peer."""
    sample = Peer(
        id=name(text, 32),
        did=did(text),
        name="Practice B",
        state=PeerState.TRUSTED,
        scopes=("fetch", "offer"),
        urls=("https://b.example", "http://10.0.0.2:8043"),
        box=name("box", 32),
        records=(b"record 0", b"record 1"),
        card=b"a signed card",
        seq=START_MS,
        added_ms=START_MS,
        checkpoint=Checkpoint(name("origin", 16), 7, name("root", 32)),
    )
    return replace(sample, **changes)


def ticket(text: str = "ticket", **changes: Any) -> Ticket:
    """Return a living ticket behind a share."""
    sample = Ticket(
        hash=name(text, 32),
        peer=name("peer", 32),
        study=name("study", 16),
        grant=name("grant", 32),
        share=name("share", 32),
        invocation=name(f"invocation of {text}", 32),
        manifest=name("manifest", 32),
        extents=(Extent(name("pack", 16), 400, 526_016), Extent(name("pack", 16), 2**40, 16)),
        expires_ms=START_MS + 600_000,
    )
    return replace(sample, **changes)


def fetch(text: str = "fetch", **changes: Any) -> Fetch:
    """Return a running fetch."""
    sample = Fetch(
        id=name(text, 16),
        peer=name("peer", 32),
        offer=b"an offer",
        pack=None,
        study=None,
        state=FetchState.RUNNING,
        problem="",
        capability=name("share", 32),
        objects=0,
        size=0,
        elapsed_ms=0,
        created_ms=START_MS,
        ended_ms=None,
        receipt_due=False,
    )
    return replace(sample, **changes)


def receipt(text: str = "receipt", **changes: Any) -> Receipt:
    """Return a receipt for the sample study."""
    sample = Receipt(
        id=name(text, 32),
        token=b"a signed receipt",
        peer=name("peer", 32),
        study=name("study", 16),
        invocation=name("invocation", 32),
        objects=2,
        size=1_052_000,
        at_ms=START_MS,
    )
    return replace(sample, **changes)


def study_header(text: str = "study") -> StudyHeader:
    """Return what a pack says about the sample study."""
    sample = study(text)
    return StudyHeader(
        study=sample.id,
        uid=sample.uid,
        patient=PatientIdentity("Doe^Jane", "P-100", "hospital", "19700102", "F"),
        study_date=sample.study_date,
        study_time=sample.study_time,
        accession=sample.accession,
        description=sample.description,
        made_ms=sample.created_ms,
    )


@dataclass(frozen=True, slots=True)
class BytesSource:
    """An instance in memory; implements `ports.Source`."""

    content: bytes

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.content)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the first byte."""
        with io.BytesIO(self.content) as stream:
            yield stream


def draft(content: bytes, number: int = 1, **changes: Any) -> Draft:
    """Return an instance about to be written; its series has this number too."""
    sample = Draft(
        source=BytesSource(content),
        facts=InstanceFacts(
            study_uid=study().uid,
            series_uid="1.2.826.0.1.9",
            sop_uid=f"1.2.826.0.1.9.{number}",
            sop_class="1.2.840.10008.5.1.4.1.1.2",
            transfer_syntax="1.2.840.10008.1.2.1",
            modality="CT",
            number=number,
        ),
        hash=hash_object(io.BytesIO(content)),
        sender="dicom:CT1",
        replaces=None,
        at_ms=START_MS,
    )
    return replace(sample, **changes)
