"""Asks the node whom files are about before any is stored: their beginnings are enough for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from undisc_admin.answer import Answer
from undisc_admin.client import Client
from undisc_admin.importing import Outcome, refused
from undisc_admin.walking import Body, ChangedError, Found
from undisc_admin.zips import SIGNATURE

HEAD: Final = 16_384  # bytes that nearly always reach Instance Number
LONG_HEAD: Final = 16 * 2**20  # bytes for the few files with long lists before it
TOGETHER: Final = 64  # files in one request


@dataclass(frozen=True, slots=True)
class Looked:
    """A DICOM file, not stored yet.

    Attributes:
        found: Where it is.
        facts: What the node read from its beginning.
    """

    found: Found
    facts: Answer


class _Framed(BytesIO):
    """Bytes as a body of known size."""

    @property
    def size(self) -> int:
        """Their number."""
        return self.getbuffer().nbytes


def look(
    client: Client,
    files: Iterable[Found],
    *,
    report: Callable[[Outcome], None],
    directory: Callable[[Found], None],
) -> Iterator[Looked]:
    """Yield the DICOM files among what was found.

    Args:
        client: The node.
        files: What was found.
        report: Hears of every file that is left out.
        directory: Hears of every DICOMDIR.
    """
    batch: list[tuple[Found, bytes, bool]] = []
    for found in files:
        head = _head(found, HEAD)
        if isinstance(head, Outcome):
            report(head)
            continue
        batch.append((found, *head))
        if len(batch) == TOGETHER:
            yield from _ask(client, batch, report, directory)
            batch = []
    yield from _ask(client, batch, report, directory)


def _head(found: Found, most: int) -> tuple[bytes, bool] | Outcome:
    """Read how a file begins, and tell whether that is all of it."""
    if found.skipped:
        return refused(found, found.skipped)
    try:
        with found.open() as body:
            head = _read(body, most)
            if not body.size:
                return refused(found, "empty_file")
            if head.startswith(SIGNATURE):
                return refused(found, "nested_zip")
            return head, len(head) == body.size
    except ChangedError as problem:
        return refused(found, problem.code)
    except OSError:
        return refused(found, "unreadable")


def _read(body: Body, most: int) -> bytes:
    gathered = bytearray()
    while len(gathered) < most and (block := body.read(most - len(gathered))):
        gathered += block
    return bytes(gathered)


def _ask(
    client: Client,
    batch: list[tuple[Found, bytes, bool]],
    report: Callable[[Outcome], None],
    directory: Callable[[Found], None],
) -> Iterator[Looked]:
    if not batch:
        return
    body = b"".join(len(head).to_bytes(4) + head for _, head, _ in batch)
    answers = client.upload("imports/look", _Framed(body)).parts("files")
    for (found, head, whole), answer in zip(batch, answers, strict=True):
        error = answer.part_or_none("error")
        if error is None:
            yield Looked(found, answer)
            continue
        code = error.text("code")
        if code == "truncated" and not whole and len(head) == HEAD:
            yield from _ask_again(client, found, report, directory)
            continue
        if code == "dicomdir":
            directory(found)
        report(refused(found, code, dict(answer.raw)))


def _ask_again(
    client: Client,
    found: Found,
    report: Callable[[Outcome], None],
    directory: Callable[[Found], None],
) -> Iterator[Looked]:
    """Ask about one file with more of it."""
    head = _head(found, LONG_HEAD)
    if isinstance(head, Outcome):
        report(head)
    else:
        yield from _ask(client, [(found, *head)], report, directory)
