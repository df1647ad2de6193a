"""Multipart bodies are read whole, byte by byte, cut, and without end."""

from __future__ import annotations

from io import BytesIO

import pytest

from undisc_node.archives.multipart import Parts, boundary_of
from undisc_node.services.errors import Invalid, Unavailable

ONE = b"\r\n".join([b"--b", b"Content-Type: application/dicom", b"", b"first \r\n--not it"])
TWO = b"\r\n".join([b"", b"--b", b"X: y", b"", b"", b"--b--", b""])


def read_all(body: bytes, step: int = 10**6, most: int = 1_000) -> list[bytes]:
    stream = BytesIO(body)
    parts = Parts(lambda count: stream.read(min(count, step)), b"b")
    found = []
    while True:
        sink = BytesIO()
        size = parts.next_into(sink, most)
        if size is None:
            return found
        assert size == len(sink.getvalue())
        found.append(sink.getvalue())


@pytest.mark.parametrize("step", [1, 2, 3, 7, 10**6])
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"this is a multipart message\r\n"])
def test_parts_are_the_same_however_they_arrive(step, preamble):
    assert read_all(preamble + ONE + TWO, step) == [b"first \r\n--not it", b""]


def test_a_body_that_is_cut_is_never_taken_for_a_whole_one():
    whole = ONE + TWO
    end = whole.index(b"--b--") + 5
    for stop in range(end):
        with pytest.raises(Unavailable):
            read_all(whole[:stop])


def test_headers_without_end_and_parts_without_end_are_refused():
    with pytest.raises(Unavailable, match="without end"):
        read_all(b"--b\r\n" + b"X" * 400_000)
    with pytest.raises(Invalid, match="too large"):
        read_all(ONE + b"y" * 2_000 + TWO)


@pytest.mark.parametrize(
    ("said", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary="a b"', b"a b"),
        ("multipart/related; type=application/dicom; boundary=abc", b"abc"),
        ("Multipart/Related;boundary=x;type=y", b"x"),
    ],
)
def test_the_boundary_is_found_with_and_without_quotes(said, boundary):
    assert boundary_of(said) == boundary


@pytest.mark.parametrize("said", ["", "text/html; boundary=a", "multipart/related"])
def test_what_is_no_multipart_is_refused(said):
    with pytest.raises(Unavailable):
        boundary_of(said)
