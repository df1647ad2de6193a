"""A node's storage with real readers, in this process: stores files, and writes them as media."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from support.clock import FakeClock, SeededEntropy
from undisc_node.dicom.media import Composer
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.media import Media, OpenMedium
from undisc_node.services.receiving import Receiving, StoreOutcome
from undisc_node.services.room import Room
from undisc_node.services.studies import Studies
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs import PackStore


class MediaHouse:
    """What receives and what writes media, on one disk.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        entropy, clock, writing = SeededEntropy(str(folder.name)), FakeClock(), Lock()
        self.entropy, self.clock = entropy, clock
        self.catalog = SqliteCatalog(folder / "catalog.sqlite3", entropy=entropy, create=True)
        self.keyring = Keyring(
            folder / "keyring.sqlite3",
            key_encryption_key=bytes(32),
            entropy=entropy,
            create=True,
        )
        packs = PackStore(folder, keyring=self.keyring, entropy=entropy)
        contents, journal = Contents(packs=packs), Journal(clock=clock, entropy=entropy)
        self.packs, self.contents = packs, contents
        self.receiving = Receiving(
            catalog=self.catalog,
            packs=packs,
            contents=contents,
            reader=FactReader(),
            journal=journal,
            clock=clock,
            entropy=entropy,
            writing=writing,
            room=Room(catalog=self.catalog, packs=packs, clock=clock),
        )
        self.studies = Studies(
            catalog=self.catalog,
            packs=packs,
            contents=contents,
            journal=journal,
            clock=clock,
            writing=writing,
        )
        self.media = Media(
            catalog=self.catalog,
            packs=packs,
            contents=contents,
            composer=Composer(),
            journal=journal,
            clock=clock,
            entropy=entropy,
            practice="Lakeside <Imaging> & Söhne",
            version="0.2.0",
        )

    def store(self, content: bytes, sender: str = "import") -> StoreOutcome:
        """Take a file in."""
        return self.receiving.store(BytesSource(content), sender)

    def held(self) -> dict[str, bytes]:
        """Return the bytes of every current instance by SOP Instance UID."""
        return {
            stored.header.sop_uid: b"".join(self.studies.read(study.id, stored.header.id)[1])
            for study in self.studies.list("", "", None, 10_000, 0)
            for stored in self.studies.detail(study.id).current
        }

    def medium(self, studies: Sequence[bytes]) -> OpenMedium:
        """Prepare a medium."""
        return self.media.open(studies, "ada")

    def unpacked(self, studies: Sequence[bytes], folder: Path) -> Path:
        """Write a medium as a ZIP file, check it, and unpack it with Python's own library."""
        opened = self.medium(studies)
        content = b"".join(opened.zip())
        assert len(content) == opened.zip_size
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            archive.extractall(folder)
        return folder

    def close(self) -> None:
        """Close the databases."""
        self.keyring.close()
        self.catalog.close()


@contextmanager
def media_house(folder: Path) -> Iterator[MediaHouse]:
    """Open one for a test."""
    house = MediaHouse(folder)
    try:
        yield house
    finally:
        house.close()
