"""Stand-ins for the use cases about media; they keep calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from undisc_node.services.errors import Invalid, NotFound
from undisc_node.services.media_model import Listing, Medium, MediumKind
from undisc_node.services.model import InstanceFacts, Patient

MEDIUM = Medium(
    id=b"m" * 16,
    kind=MediumKind.DISC,
    label="RADIOLOGY",
    file_set="FS1",
    creator="OFFIS_DCMTK_367",
    actor="root",
    at_ms=1_795_498_283_000,
)
ZIP = b"PK and the rest of it"


@dataclass
class FakeImporting:
    looked: list[bytes] = field(default_factory=list)
    attached: list[tuple[bytes, bytes]] = field(default_factory=list)
    begun: list[tuple[object, ...]] = field(default_factory=list)

    def look(self, heads):
        self.looked += heads
        patient = Patient(name="Doe^Jane", id="4711")
        known = InstanceFacts("1.2", "1.2.3", "1.2.3.4", "1.2.840", "1.2.840.1", patient)
        refused = Invalid("this is not a DICOM file", code="not_dicom")
        return [known if head else refused for head in heads]

    def listing(self, source):
        with source.open() as stream:
            content = stream.read().decode()
        if not content:
            raise Invalid("this is not a DICOMDIR", code="not_a_dicomdir")
        return Listing("FS1", "OFFIS", (("DICOM", content),), 1, 2, damaged=False)

    def begin(self, kind, *, label, file_set, creator, actor):
        self.begun.append((kind, label, file_set, creator, bool(actor)))
        return MEDIUM

    def opened(self, medium):
        if medium != MEDIUM.id:
            raise NotFound("no such import is under way")
        return MEDIUM

    def attach(self, medium, study):
        self.attached.append((medium.id, study))

    def of_study(self, study):
        return [MEDIUM]


class FakeMedium:
    zip_size = len(ZIP)

    def zip(self):
        yield ZIP[:2]
        yield ZIP[2:]


@dataclass
class FakeMedia:
    opened: list[tuple[bytes, ...]] = field(default_factory=list)

    def open(self, studies, actor):
        self.opened.append(tuple(studies))
        return FakeMedium()
