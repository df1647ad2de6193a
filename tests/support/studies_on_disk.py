"""Studies of any number and size of instances, made in a moment; the same seed, the same bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from support.dicom_files import IMPLICIT, SC, data_set
from undisc_node.dicom.part10 import compose_part10

_PIXELS = b"\xe0\x7f\x10\x00"  # (7FE0,0010), implicit VR little endian


@dataclass(frozen=True, slots=True)
class Instance:
    """One DICOM object.

    Attributes:
        sop_uid: SOP Instance UID.
        data_set: The bytes that go over the wire, implicit VR little endian.
    """

    sop_uid: str
    data_set: bytes

    @property
    def file(self) -> bytes:
        """The object as a file."""
        head = compose_part10(sop_class=SC, sop_uid=self.sop_uid, transfer_syntax=IMPLICIT)
        return head + self.data_set


@dataclass(frozen=True, slots=True)
class MadeStudy:
    """One study.

    Attributes:
        uid: Study Instance UID.
        instances: In order.
    """

    uid: str
    instances: Sequence[Instance]

    def hashes(self) -> dict[str, str]:
        """Return the BLAKE3 of each file, as nodes list it, by SOP Instance UID."""
        return {one.sop_uid: blake3_of(one.file) for one in self.instances}

    def write(self, folder: Path) -> list[Path]:
        """Write the files into a folder; return their paths in order."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{number:04}.dcm" for number, _ in enumerate(self.instances)]
        for path, instance in zip(paths, self.instances, strict=True):
            path.write_bytes(instance.file)
        return paths


def make_study(number: int, sizes: Sequence[int], *, seed: int = 0) -> MadeStudy:
    """Make a study.

    Args:
        number: Another number is another study, of another patient.
        sizes: Bytes of pixel data of each instance.
        seed: Another seed gives other pixels.
    """
    uid = f"1.2.826.0.1.{seed}.{number}"
    chance = random.Random(f"{seed}/{number}")
    return MadeStudy(
        uid, [_instance(uid, index, chance.randbytes(size)) for index, size in enumerate(sizes)]
    )


def _instance(study: str, index: int, pixels: bytes) -> Instance:
    sop_uid = f"{study}.1.{index}"
    body = data_set(
        study_uid=study.encode(),
        series_uid=f"{study}.1".encode(),
        sop_uid=sop_uid.encode(),
        patient_id=study.rpartition(".")[2].encode(),
        number=str(index).encode(),
    )
    return Instance(sop_uid, body + _PIXELS + len(pixels).to_bytes(4, "little") + pixels)


def blake3_of(data: bytes) -> str:
    """Return the hash under which a node lists these bytes."""
    return blake3(data).hexdigest()
