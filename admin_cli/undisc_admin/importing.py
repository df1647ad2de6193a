"""Sends files to the node, two at a time, and counts what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from undisc_admin.client import Client
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.render import day, short
from undisc_admin.walking import ChangedError, Found

if TYPE_CHECKING:  # it makes outcomes
    from undisc_admin.looking import Looked

IN_FLIGHT: Final = 2  # the node writes one while the next is on its way; more gains nothing
STORED: Final = ("stored", "duplicate", "superseded")
WAITING: Final = "waiting"
SKIPPED: Final = "skipped"
FAILED: Final = "failed"
ORDER: Final = (*STORED, WAITING, SKIPPED, FAILED)
"""In which what became of files is told."""

NOT_IMAGES: Final = frozenset(
    {
        "not_dicom",
        "dicomdir",
        "empty_file",
        "symbolic_link",
        "special_file",
        "nested_zip",
        "other_patient",
        "unsafe_name",
        "zip_encrypted",
    }
)
"""Reasons to leave a file out that are no failure of the import."""
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

    def raw(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "path": str(self.found.path),
            "outcome": self.status,
            "code": self.code,
            "answer": self.answer,
        }


@dataclass(slots=True)
class Brought:
    """A study that was on the medium.

    Attributes:
        date: Study Date.
        description: Study Description.
        modalities: Of its files.
        id: The node's id of it; empty until the first file is stored.
        statuses: What became of its files.
    """

    date: str
    description: str
    modalities: set[str] = field(default_factory=set)
    id: str = ""
    statuses: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """Say in one line what it is and what became of it."""
        what = (self.description, "/".join(sorted(self.modalities - {""})), day(self.date))
        told = ", ".join(filter(None, what))
        counted = ", ".join(f"{self.statuses[one]:,} {one}" for one in ORDER if self.statuses[one])
        return f"study {short(self.id)}{told and f' ({told})'}: {counted}"

    def raw(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "study": self.id,
            "study_date": self.date,
            "description": self.description,
            "modalities": sorted(self.modalities),
            "counts": dict(self.statuses),
        }


@dataclass(slots=True)
class Tally:
    """What became of all files so far.

    Attributes:
        statuses: How many of each status.
        codes: How many were skipped or failed for each reason.
        studies: What was on the medium, by Study Instance UID.
        size: Bytes of images that the node has taken.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    studies: dict[str, Brought] = field(default_factory=dict)
    size: int = 0
    _study_of: dict[Path, str] = field(default_factory=dict)

    def knows(self, files: Iterable[Looked]) -> None:
        """Learn which studies files belong to, before they are sent."""
        for one in files:
            uid = one.facts.text("study_uid")
            facts = (one.facts.text("study_date"), one.facts.text("description"))
            brought = self.studies.setdefault(uid, Brought(*facts))
            brought.modalities.add(one.facts.text("modality"))
            self._study_of[one.found.path] = uid

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.statuses[outcome.status] += 1
        if outcome.code and outcome.status in {SKIPPED, FAILED}:
            self.codes[outcome.code] += 1
        if outcome.status in {*STORED, WAITING}:
            self.size += outcome.size
        brought = self.studies.get(self._study_of.get(outcome.found.path, ""))
        if brought is not None:
            brought.statuses[outcome.status] += 1
            brought.id = brought.id or str(outcome.answer.get("study") or "")

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


def send_all(
    client: Client, files: Iterator[Found], medium: str, *, report: Callable[[Outcome], None]
) -> None:
    """Send every file; `report` hears of each in this thread.

    Args:
        client: The node.
        files: What to send.
        medium: Id of the medium that they come from.
        report: Hears what became of each.

    Raises:
        CommandError: The node is gone or cannot take more; what was reported as stored is stored.
    """
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        flying: set[Future[Outcome]] = set()
        problem: CommandError | None = None
        for found in files:
            flying.add(pool.submit(_send, client, found, medium))
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


def refused(found: Found, code: str, answer: dict[str, object] | None = None) -> Outcome:
    """Make the outcome of a file that is not sent, or not taken."""
    status = SKIPPED if code in NOT_IMAGES else FAILED
    return Outcome(found, status, 0, answer or {}, code)


def _send(client: Client, found: Found, medium: str) -> Outcome:
    try:
        with found.open() as body:
            answer = client.upload("instances", body, {"medium": medium})
            reason = str(answer.raw.get("reason") or "")
            return Outcome(found, answer.text("status"), body.size, dict(answer.raw), reason)
    except ChangedError as problem:
        return refused(found, problem.code)
    except CommandError as problem:
        fatal = problem if problem.exit_code in _GIVE_UP else None
        return replace(refused(found, problem.code, dict(problem.shape())), problem=fatal)
    except OSError:
        return refused(found, "unreadable")
