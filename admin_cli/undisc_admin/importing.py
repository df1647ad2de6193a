"""Sends found files to the node, two at a time, and counts what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from undisc_admin.client import Client
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.walking import ChangedError, FileBody, Found

IN_FLIGHT: Final = 2  # the node writes one while the next is on its way; more gains nothing
STORED: Final = ("stored", "duplicate", "superseded")
WAITING: Final = "waiting"
SKIPPED: Final = "skipped"
FAILED: Final = "failed"

_NOT_IMAGES: Final = frozenset(
    {"not_dicom", "dicomdir", "empty_file", "symbolic_link", "special_file"}
)
_GIVE_UP: Final = frozenset(
    {ExitCode.NODE_UNREACHABLE, ExitCode.UNAVAILABLE, ExitCode.DAMAGED}
)  # the next file would meet the same


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Attributes:
        found: The file.
        status: `stored`, `duplicate`, `superseded`, `waiting`, `skipped` or `failed`.
        size: Bytes sent.
        answer: What the node said: its answer, or the error shape.
        code: Why it was skipped or failed, or what it waits for.
        problem: An error that ends the whole import.
    """

    found: Found
    status: str
    size: int
    answer: dict[str, object]
    code: str = ""
    problem: CommandError | None = None


@dataclass(slots=True)
class Tally:
    """What became of all files so far.

    Attributes:
        statuses: How many of each status.
        codes: How many were skipped or failed for each reason.
        studies: Ids of the studies that were touched.
        size: Bytes of images that the node has taken.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    studies: set[str] = field(default_factory=set)
    size: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.statuses[outcome.status] += 1
        if outcome.code and outcome.status in {SKIPPED, FAILED}:
            self.codes[outcome.code] += 1
        if outcome.status in {*STORED, WAITING}:
            self.studies.add(str(outcome.answer.get("study", "")))
            self.size += outcome.size

    @property
    def images(self) -> int:
        """Files that the node has taken."""
        return sum(self.statuses[status] for status in (*STORED, WAITING))

    def exit_code(self) -> ExitCode:
        """Say how the import went: every DICOM file in its study, or not."""
        if self.statuses[FAILED]:
            return ExitCode.FAILED
        if self.statuses[WAITING]:
            return ExitCode.CONFLICT
        return ExitCode.OK if self.images else ExitCode.INVALID


def send_all(client: Client, files: Iterator[Found], *, report: Callable[[Outcome], None]) -> None:
    """Send every file; `report` hears of each in this thread.

    Raises:
        CommandError: The node is gone or cannot take more; what was reported as stored is stored.
    """
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        flying: set[Future[Outcome]] = set()
        problem: CommandError | None = None
        for found in files:
            flying.add(pool.submit(_send, client, found))
            if len(flying) == IN_FLIGHT:
                flying, problem = _land(flying, report)
            if problem:
                break
        while flying:
            flying, later = _land(flying, report)
            problem = problem or later
    if problem:
        raise problem


def _land(
    flying: set[Future[Outcome]], report: Callable[[Outcome], None]
) -> tuple[set[Future[Outcome]], CommandError | None]:
    done, rest = wait(flying, return_when=FIRST_COMPLETED)
    outcomes = [future.result() for future in done]
    for outcome in outcomes:
        report(outcome)
    return rest, next((outcome.problem for outcome in outcomes if outcome.problem), None)


def _send(client: Client, found: Found) -> Outcome:
    if found.skipped:
        status = SKIPPED if found.skipped in _NOT_IMAGES else FAILED
        return Outcome(found, status, 0, {}, found.skipped)
    try:
        with FileBody(found.real) as body:
            if not body.size:
                return Outcome(found, SKIPPED, 0, {}, "empty_file")
            answer = client.upload("instances", body)
            status = answer.text("status")
            reason = str(answer.raw.get("reason") or "")
            return Outcome(found, status, body.size, dict(answer.raw), reason)
    except ChangedError:
        return Outcome(found, FAILED, 0, {}, "changed_while_read")
    except CommandError as problem:
        status = SKIPPED if problem.code in _NOT_IMAGES else FAILED
        fatal = problem if problem.exit_code in _GIVE_UP else None
        return Outcome(found, status, 0, dict(problem.shape()), problem.code, fatal)
    except OSError:
        return Outcome(found, FAILED, 0, {}, "unreadable")
