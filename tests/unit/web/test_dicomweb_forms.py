"""Bodies of several parts, however they arrive, and what a request accepts."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request

from undisc_node.services.errors import Invalid
from undisc_node.web.dicomweb.accept import first, ranges_of
from undisc_node.web.dicomweb.multipart import MAX_HEAD, MultipartReader
from undisc_node.web.errors import NotAcceptable, TooLarge

CONTENTS = [b"one", b"", b"--x\r\n--y\r\n\r\n-" + bytes(1000), b"\r\n", b"\r\n--b"]


def body(contents, head=b"Content-Type: application/dicom\r\n", preamble=b""):
    made = preamble
    for content in contents:
        made += b"\r\n--b-0\r\n" + head + b"\r\n" + content
    return (made + b"\r\n--b-0--\r\nepilogue")[0 if preamble else 2 :]


def parts(data, step=7, limit=10_000, boundary="b-0"):
    async def blocks():
        for start in range(0, len(data), step):
            yield data[start : start + step]

    async def read():
        reader = MultipartReader(blocks(), boundary, part_limit=limit)
        found = []
        while (head := await reader.next_part()) is not None:
            found.append((dict(head), b"".join([piece async for piece in reader.content()])))
        return found

    return asyncio.run(read())


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64, 100_000])
def test_parts_are_the_same_however_the_body_arrives(step):
    found = parts(body(CONTENTS), step)
    assert [content for _, content in found] == CONTENTS
    assert found[0][0] == {"content-type": "application/dicom"}
    assert parts(body(CONTENTS, preamble=b"ignore this"), step) == found
    assert [content for _, content in parts(body(CONTENTS, head=b""), step)] == CONTENTS


def test_a_body_without_parts_has_none():
    assert parts(b"--b-0--\r\n") == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no boundary at all",
        body([b"cut"])[:-20],
        b"--b-0\r\nhead without colon\r\n\r\nx\r\n--b-0--",
        b"--b-0garbage\r\n\r\nx\r\n--b-0--",
        b"--b-0\r\n" + b"a: " + b"x" * (2 * MAX_HEAD) + b"\r\n\r\n\r\n--b-0--",
        bytes(200_000),
    ],
)
def test_a_broken_body_is_refused(data):
    with pytest.raises(Invalid):
        parts(data, 1000)


def test_a_part_has_a_largest_size():
    with pytest.raises(TooLarge):
        parts(body([bytes(10_001)]), 1000)


@pytest.mark.parametrize("boundary", ["", "ä", "x" * 71, "a\r\nb"])
def test_boundaries_that_are_none(boundary):
    with pytest.raises(Invalid):
        parts(b"", boundary=boundary)


def accepted(said, query=""):
    headers = {"Accept": said} if said else {}
    return ranges_of(make_mocked_request("GET", "/" + query, headers=headers))


def test_media_ranges_are_read_best_first():
    found = accepted(
        'image/png;q=0.5, multipart/related; type="image/jls"; transfer-syntax=1.2.3, image/*;q=0'
    )
    assert [(one.media, one.multipart, one.syntax) for one in found] == [
        ("image/jls", True, "1.2.3"),
        ("image/png", False, ""),
    ]


def test_nothing_said_accepts_everything_and_the_query_wins():
    assert accepted("")[0].takes("application/dicom")
    assert accepted("text/html", "?accept=image/png")[0].media == "image/png"
    with pytest.raises(NotAcceptable):
        first(accepted("text/html"), ("image/png",))
