"""What the admin socket needs from use cases about media."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from undisc_node.services.errors import ServiceError
from undisc_node.services.media_model import Listing, Medium, MediumKind
from undisc_node.services.model import InstanceFacts
from undisc_node.services.ports import Source


class Imports(Protocol):
    """Looks at media, and remembers where studies came from."""

    def look(self, heads: Sequence[bytes]) -> Sequence[InstanceFacts | ServiceError]:
        """Say what each file is about by how it begins."""

    def listing(self, source: Source) -> Listing:
        """Read what a DICOMDIR lists."""

    def begin(
        self, kind: MediumKind, *, label: str, file_set: str, creator: str, actor: str
    ) -> Medium:
        """Name a medium from which files are about to come."""

    def opened(self, medium: bytes) -> Medium:
        """Return a medium that was begun."""

    def attach(self, medium: Medium, study: bytes) -> None:
        """Note that instances of a study came from a medium."""

    def of_study(self, study: bytes) -> Sequence[Medium]:
        """List the media a study came from."""


class OpenMedium(Protocol):
    """A medium that is ready to be written."""

    @property
    def zip_size(self) -> int:
        """Bytes of it as a ZIP file."""

    def zip(self) -> Iterator[bytes]:
        """Yield it as a ZIP file; may raise while iterating."""


class MakesMedia(Protocol):
    """Makes media that any DICOM system reads."""

    def open(self, studies: Sequence[bytes], actor: str) -> OpenMedium:
        """Prepare a medium with these studies."""
