"""A manifest that names one image over the bytes of another is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.lying_holder import held_object
from support.two_nodes import dicom_file, pixels
from undisc_node.dicom.named import check_names
from undisc_node.services.fetch_commit import new_header
from undisc_protocol import limits
from undisc_protocol.errors import Tampered
from undisc_protocol.manifest import Manifest, ManifestStudy
from undisc_protocol.pack import PatientIdentity

FILE = dicom_file(1, study="1.2.3", extra=pixels(b"image" * 400_000))
STUDY = new_header(
    Manifest(ManifestStudy(uid="1.2.3", patient=PatientIdentity("A", "1")), ()), bytes(16), 0
)
HEADER = held_object(FILE).entry.to_header(sender="peer", at_ms=0, replaces=None)
BEGINNING = memoryview(FILE)[: limits.CHUNK]


def test_the_object_that_was_named_passes_whole_or_by_its_beginning():
    check_names(STUDY, HEADER, BEGINNING)
    check_names(STUDY, HEADER, memoryview(FILE))


@pytest.mark.parametrize(
    ("study", "header"),
    [
        (replace(STUDY, uid="1.2.4"), HEADER),
        (STUDY, replace(HEADER, series_uid="1.2.3.9")),
        (STUDY, replace(HEADER, sop_uid="1.2.3.1.9")),
    ],
)
def test_another_study_series_or_instance_is_refused(study, header):
    """Attack: images of another patient under the names of this one."""
    with pytest.raises(Tampered, match="another one than its manifest names"):
        check_names(study, header, BEGINNING)


@pytest.mark.parametrize("content", [b"", b"no image", bytes(5_000), FILE[:200]])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(Tampered, match="not an image"):
        check_names(STUDY, replace(HEADER, size=len(content)), memoryview(content))
