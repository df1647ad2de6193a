"""Two byte strings read like one, and a file like itself."""

from __future__ import annotations

import os

import pytest

from undisc_node.dicom.sources import BytesSource, FileSource

HEAD, BODY = b"head-", bytes(range(256)) * 1_000


@pytest.mark.parametrize("count", [1, 3, 5, 7, 65_536, 10**9])
def test_reading_in_any_portion_gives_the_same_bytes(count):
    source = BytesSource(HEAD, memoryview(bytearray(BODY)))
    with source.open() as stream:
        parts = list(iter(lambda: stream.read(count), b""))
    assert b"".join(parts) == HEAD + BODY
    assert source.size == len(HEAD + BODY)


def test_seeking_crosses_the_boundary_both_ways():
    with BytesSource(HEAD, BODY).open() as stream:
        for at in (0, 4, 5, 6, 255_000, 2, len(HEAD + BODY), 5):
            stream.seek(at)
            assert stream.read(4) == (HEAD + BODY)[at : at + 4]
        assert stream.seek(-2, os.SEEK_END) == len(HEAD + BODY) - 2
        assert stream.read() == BODY[-2:]


def test_a_source_can_be_opened_again():
    source = BytesSource(HEAD, BODY)
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == HEAD + BODY


def test_a_file_is_a_source(tmp_path):
    path = tmp_path / "one.dcm"
    path.write_bytes(BODY)
    with FileSource(path).open() as stream:
        assert stream.read() == BODY
    assert FileSource(path).size == len(BODY)
