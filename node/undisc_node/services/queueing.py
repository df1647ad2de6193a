"""The one queue of what waits for a person: look, decide, and the decision is carried out.

Whoever finds something that no program may decide puts a row here, in the same change in which it
stops going on. Each kind of row names the decisions it knows and carries them out; the queue closes
the row in the change that does so, so that two people who decide at the same moment decide once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, Unavailable
from undisc_node.services.finding import by_prefix
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.queue_rows import MAX_FACTS, Fact, QueueRow

MAX_OPEN: Final = 10_000  # rows that wait; beyond that nobody looks any more, so say no instead
MAX_OUTCOME: Final = 500  # characters; fits a line of the log
_ID_DIGITS: Final = 32  # hex digits of a row's id


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be done about a row.

    Attributes:
        text: What it does, for a person: "attach the report to the study you name".
        value: What it needs to know beside the row, such as `STUDY`; empty for nothing.
    """

    text: str
    value: str = ""


Close = Callable[[Records, str], None]
"""Closes the row within an open change, with its outcome; raises `Conflict` if it is closed."""


class Resolver(Protocol):
    """Carries out what a person decided about rows of one kind."""

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a row, by the word a person types."""

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Carry out a decision; call `close` in the very change that makes it true.

        Args:
            row: What waits.
            decision: One of `decisions`.
            value: What it needs to know, as typed; not empty where the decision names one.
            actor: Who decided.
            close: See `Close`.

        Raises:
            ServiceError: It cannot be done; the row goes on waiting.
        """


class Queueing:
    """Puts, lists and resolves what waits for a person.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Ids.
    """

    def __init__(
        self, *, catalog: Catalog, journal: Journal, clock: Clock, entropy: Entropy
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._resolvers: dict[str, Resolver] = {}

    def forget(self, kind: str, kept_ms: int) -> int:
        """Forget what was decided longer ago, with the names in it; the log keeps the decision.

        Args:
            kind: Which rows.
            kept_ms: How long after the decision they are kept.
        """
        with self._catalog.change() as records:
            return records.queue.forget(kind, self._clock.now_ms() - kept_ms)

    def register(self, kind: str, resolver: Resolver) -> None:
        """Say who carries out decisions about a kind of row; once, when the node is built."""
        self._resolvers[kind] = resolver

    def put(
        self,
        records: Records,
        kind: str,
        subject: str,
        *,
        study: bytes | None = None,
        facts: Sequence[Fact] = (),
    ) -> QueueRow:
        """Let something wait, within an open change; what waits already only gets newer facts.

        Raises:
            Unavailable: Too much waits already; the change must not happen.
        """
        known = records.queue.find_open(kind, subject)
        if known is not None:
            row = replace(known, study=study or known.study, facts=tuple(facts)[:MAX_FACTS])
            records.queue.put(row)
            return row
        if records.queue.count_open() >= MAX_OPEN:
            raise Unavailable(
                f"{MAX_OPEN:,} things wait for a person already",
                code="queue_full",
                hint="look at them: undisc queue list",
            )
        row = QueueRow(
            id=self._entropy.random(16),
            kind=kind,
            study=study,
            subject=subject,
            facts=tuple(facts)[:MAX_FACTS],
            at_ms=self._clock.now_ms(),
        )
        records.queue.put(row)
        self._note(records, "queue.added", row, auditing.user("undisc-node").user, "")
        return row

    def settle(self, records: Records, kind: str, subject: str, outcome: str) -> None:
        """Close what waits because it has come right by itself, within an open change."""
        known = records.queue.find_open(kind, subject)
        if known is not None:
            self._close(records, known.id, outcome, "undisc-node")

    def list(
        self, kind: str = "", *, done: bool = False, limit: int = 100, offset: int = 0
    ) -> Sequence[QueueRow]:
        """List what waits, oldest first, or what was decided, newest first."""
        with self._catalog.look() as records:
            return records.queue.list(kind=kind, done=done, limit=limit, offset=offset)

    def find(self, prefix: str) -> QueueRow:
        """Return a row by a unique beginning of its id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        wanted = prefix.strip().lower()
        usable = len(wanted) <= _ID_DIGITS and set(wanted) <= set("0123456789abcdef")
        with self._catalog.look() as records:
            rows = records.queue.starting(wanted) if usable and wanted else []
        return by_prefix(wanted, rows, "row of the queue")

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about a row; nothing about one that was decided."""
        resolver = self._resolvers.get(row.kind)
        return resolver.decisions(row) if resolver and row.done_ms is None else {}

    def resolve(self, row_id: bytes, decision: str, value: str, actor: str) -> QueueRow:
        """Carry out a person's decision.

        Args:
            row_id: What was decided about.
            decision: One of its `decisions`.
            value: What the decision needs to know, or empty.
            actor: Who decided.

        Returns:
            The row, closed.

        Raises:
            Conflict: It was decided already.
            Invalid: It knows no such decision, or the decision needs a value.
            ServiceError: It cannot be done; the row goes on waiting.
        """
        with self._catalog.look() as records:
            row = records.queue.get(row_id)
        if row is None or row.done_ms is not None:
            raise _decided()
        known = self.decisions(row)
        if decision not in known:
            raise Invalid(
                f"a row of kind {row.kind} knows no decision of that name",
                code="unknown_decision",
                hint="one of: " + ", ".join(known) if known else "update undisc",
            )
        needed = known[decision].value
        if bool(needed) != bool(value):
            typed = f"{decision} {needed}".strip()
            raise Invalid(
                f"the decision {decision} needs {needed or 'no further value'}",
                hint=f"undisc queue resolve {row.id.hex()[:8]} {typed}",
            )
        self._resolvers[row.kind].resolve(
            row,
            decision,
            value,
            actor,
            lambda records, outcome: self._close(records, row.id, outcome, actor),
        )
        with self._catalog.look() as records:
            return records.queue.get(row_id) or row

    def _close(self, records: Records, row_id: bytes, outcome: str, actor: str) -> None:
        row = records.queue.get(row_id)
        if row is None or row.done_ms is not None:
            raise _decided()
        closed = replace(row, done_ms=self._clock.now_ms(), outcome=outcome[:MAX_OUTCOME])
        records.queue.put(closed)
        self._note(records, "queue.resolved", closed, actor, closed.outcome)

    def _note(self, records: Records, kind: str, row: QueueRow, actor: str, why: str) -> None:
        study = records.studies.get(row.study) if row.study else None
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=auditing.about_study(study) if study else (),
            why=why,
            detail={"row": row.id.hex(), "kind": row.kind},
        )


def _decided() -> Conflict:
    return Conflict(
        "this was decided already",
        code="decided",
        hint="see what came of it: undisc queue list --done",
    )
