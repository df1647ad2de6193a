"""Values about media: discs, sticks, folders and ZIP files that studies come from or go to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_LABEL: Final = 64  # characters kept of a volume label or folder name; ISO 9660 allows 32
MAX_CREATOR: Final = 96  # characters: implementation version (16), AE title (16), class UID (64)
MAX_FILE_SET: Final = 16  # characters (PS3.3 §F.3.2.1, File-set ID)


class MediumKind(StrEnum):
    """What a study was imported from."""

    DISC = "disc"
    FOLDER = "folder"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a DICOMDIR says about its medium; a hint, never an instruction.

    Attributes:
        file_set: File-set ID (0004,1130).
        creator: Who wrote it: implementation version name, AE title, or implementation class UID.
        files: Referenced File IDs (0004,1500), as components.
        refused: How many file ids name no place on the medium: `..`, drive letters, and so on.
        patients: How many patient records it has.
        damaged: Whether it breaks off or contradicts itself; what came before is here.
    """

    file_set: str
    creator: str
    files: tuple[tuple[str, ...], ...]
    refused: int
    patients: int
    damaged: bool


@dataclass(frozen=True, slots=True)
class Medium:
    """A medium from which studies were imported.

    Attributes:
        id: 16 random bytes.
        kind: What it was.
        label: Volume label, or the name of the folder or ZIP file.
        file_set: What its DICOMDIR calls it.
        creator: What its DICOMDIR says about who wrote it.
        actor: Who imported it.
        at_ms: When the import began.
    """

    id: bytes
    kind: MediumKind
    label: str
    file_set: str
    creator: str
    actor: str
    at_ms: int
