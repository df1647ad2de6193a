"""Every frame of pydicom's test set is found where pydicom finds it, without reading the rest."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pydicom
import pytest
from pydicom.encaps import generate_frames

from support import samples
from support.dicom_files import storable_files
from support.memory_packs import MemoryPacks
from undisc_node.dicom.describing import Describer
from undisc_node.dicom.values import turned
from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.descriptions import Descriptions
from undisc_node.services.dicomweb.retrieving import Retrieving
from undisc_node.services.errors import NotFound

NO_PIXELS_TO_COMPARE = {
    "test_files/MR_truncated.dcm",  # its only frame is cut off, so it is none
    "test_files/badVR.dcm",  # pydicom cannot read how many frames it has
}
FILES = {name: path for name, path in storable_files().items() if name not in NO_PIXELS_TO_COMPARE}


def held(content: bytes):
    """Put a file into a pack; return it and what hands out its frames."""
    packs = MemoryPacks()
    pack, (stored,) = packs.append(packs.create(samples.study_header()), [samples.draft(content)])
    descriptions = Descriptions(packs=packs, describer=Describer())
    retrieving = Retrieving(packs=packs, holdings=SimpleNamespace(), descriptions=descriptions)
    return Located(pack, stored), retrieving


def frame(retrieving, located, number):
    part = retrieving.frame("1.2.3", located, number)
    content = b"".join(part.chunks)
    assert len(content) == part.length
    return content


@pytest.mark.filterwarnings("ignore")  # pydicom warns about oddities of its test files
@pytest.mark.parametrize("name", sorted(FILES))
def test_frames_are_what_pydicom_cuts_out(name):
    content = FILES[name].read_bytes()
    read = pydicom.dcmread(io.BytesIO(content), force=True)
    located, retrieving = held(content)
    if "PixelData" not in read:
        if not {"FloatPixelData", "DoubleFloatPixelData"} & {one.keyword for one in read}:
            with pytest.raises(NotFound):
                frame(retrieving, located, 1)
        return
    count = int(read.get("NumberOfFrames") or 1)
    if read.file_meta.TransferSyntaxUID.is_compressed:
        wanted = list(generate_frames(read.PixelData, number_of_frames=count))
        found = [frame(retrieving, located, number + 1) for number in range(len(wanted))]
        assert found == wanted
    else:
        pixels = read.PixelData
        if not read.original_encoding[1]:
            pixels = turned(pixels, max(1, int(read.BitsAllocated) // 8))
        bits = retrieving.description(located).pixels.frame_bits
        if bits % 8:
            return
        size = bits // 8
        for number in range(count):
            assert frame(retrieving, located, number + 1) == pixels[number * size :][:size]
    with pytest.raises(NotFound):
        frame(retrieving, located, count + 1)
