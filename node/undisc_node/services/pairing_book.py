"""What becomes of a pairing's row: spoken, decided, trusted, over (SPEC.md §3.10).

Every step is one change of the catalog, and every step may be taken again: a node that is killed
between a decision and the trust that follows from it goes on when it is back (`conclude`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict
from undisc_node.services.following import recognise
from undisc_node.services.introducing import Decision, check_not_revoked, keep_peer
from undisc_node.services.pairing_rows import PairingRow, PairingState
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_protocol.errors import RemoteProtocolError
from undisc_protocol.identity import NodeId
from undisc_protocol.pairing import Role, Said, Says, read_said, read_verdict
from undisc_protocol.pairing_file import read_pairing_file

KEYS_KEPT_MS: Final = 86_400_000  # a guest whose answers were lost may still ask how it ended
ROWS_KEPT_MS: Final = 30 * 86_400_000  # the log keeps what matters for longer
YES: Final = b"yes"  # what was decided by file; nothing is signed, because nothing is sent
NO: Final = b"no"


class PairingBook:
    """Keeps pairings.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        own: Node id of this node.
    """

    def __init__(self, *, catalog: Catalog, journal: Journal, clock: Clock, own: NodeId) -> None:
        self.catalog = catalog
        self.journal = journal
        self.clock = clock
        self._own = own

    def begin(self, records: Records, row: PairingRow, kind: str) -> None:
        """Add a row, and say so in the log; forget what is long over."""
        now_ms = self.clock.now_ms()
        records.pairings.forget(
            keys_before_ms=now_ms - KEYS_KEPT_MS, rows_before_ms=now_ms - ROWS_KEPT_MS
        )
        records.pairings.put(row)
        self._note(records, row, kind)

    def spoken(
        self, records: Records, row: PairingRow, said: Said, raw: bytes, words: tuple[str, ...]
    ) -> PairingRow:
        """Keep what the other side said; from now on there are words to compare.

        Args:
            records: The open change.
            row: The pairing.
            said: What it said, verified.
            raw: The bytes of that; by file, the whole file.
            words: The words of it.

        Raises:
            Conflict: It is this node itself, or a revoked peer.
        """
        node = said.document.identity.node_id
        if node == self._own:
            raise Conflict("a node cannot be paired with itself", code="own_address")
        check_not_revoked(records.peers.get(node))
        heard = replace(
            row,
            state=PairingState.COMPARING,
            theirs=raw,
            name=said.document.card.name,
            node=node,
            their_scopes=said.scopes,
            words=" ".join(words),
            spoken_ms=self.clock.now_ms(),
        )
        records.pairings.put(heard)
        self._note(records, heard, "pairing.begun")
        return heard

    def decided(
        self, records: Records, row: PairingRow, verdict: bytes, says: Says, actor: str
    ) -> PairingRow:
        """Keep what was decided here."""
        if says is Says.NO:
            refused = replace(row, verdict=verdict)
            return self.ended(records, refused, PairingState.REFUSED, f"refused here by {actor}")
        row = replace(row, verdict=verdict, state=PairingState.CONFIRMED)
        records.pairings.put(row)
        self._note(records, row, "pairing.confirmed", actor)
        return row

    def heard(self, records: Records, row: PairingRow, verdict: bytes) -> PairingRow:
        """Keep what was decided on the other side.

        Raises:
            RemoteProtocolError: It is no verdict of the node that spoke about this pairing.
        """
        signer = said_by(row).document.identity.key
        says = read_verdict(verdict, role=row.role.other, pairing=row.line.name, signer=signer)
        if row.their_verdict is not None or not row.state.is_open:
            return row  # the first one counts
        row = replace(row, their_verdict=verdict)
        if says is Says.NO:
            return self.ended(records, row, PairingState.REFUSED, "refused on the other side")
        records.pairings.put(row)
        return row

    def conclude(self, row: PairingRow) -> PairingRow:
        """Trust the other side if both have said yes; else change nothing."""
        if row.state is not PairingState.CONFIRMED:
            return row
        if not row.by_file and row.their_verdict is None:
            return row
        said = said_by(row)
        try:
            recognise(self.catalog, self.journal, self.clock, said.document.identity)
            with self.catalog.change() as records:
                current = records.pairings.get(row.id)
                if current is None or current.state is not PairingState.CONFIRMED:
                    return current or row
                now_ms = self.clock.now_ms()
                decision = Decision(
                    trust=True,
                    scopes=row.scopes,
                    actor=row.by,
                    url=row.urls[0] if row.urls else "",
                )
                keep_peer(self.journal, records, said.document, decision, now_ms)
                done = replace(current, state=PairingState.TRUSTED, ended_ms=now_ms)
                records.pairings.put(done)
                return done
        except (Conflict, RemoteProtocolError) as problem:
            return self.end(row, PairingState.FAILED, str(problem))

    def end(self, row: PairingRow, state: PairingState, problem: str) -> PairingRow:
        """End a pairing otherwise than with trust; one that ended stays as it is."""
        with self.catalog.change() as records:
            current = records.pairings.get(row.id)
            if current is None or not current.state.is_open:
                return current or row
            return self.ended(records, current, state, problem)

    def ended(
        self, records: Records, row: PairingRow, state: PairingState, problem: str
    ) -> PairingRow:
        """As `end`, in an open change."""
        over = replace(row, state=state, ended_ms=self.clock.now_ms(), problem=problem)
        records.pairings.put(over)
        self._note(records, over, "pairing.ended")
        return over

    def tidy(self) -> None:
        """End what has expired, and take up what was interrupted."""
        now_ms = self.clock.now_ms()
        with self.catalog.look() as records:
            rows = records.pairings.unfinished()
        for row in rows:
            over = has_expired(row, now_ms)
            if self.conclude(row).state.is_open and over:
                self.end(row, PairingState.EXPIRED, over)

    def _note(self, records: Records, row: PairingRow, kind: str, actor: str = "") -> None:
        ended = row.state in (PairingState.FAILED, PairingState.REFUSED, PairingState.EXPIRED)
        self.journal.note(
            records,
            kind,
            who=auditing.user(actor or row.by),
            what=[auditing.about_security("peer", row.node)] if row.node else [],
            outcome=auditing.MINOR_FAILURE if ended else auditing.SUCCESS,
            detail={
                "pairing": row.id.hex(),
                "role": row.role.value,
                "way": "file" if row.by_file else "line",
                "state": row.state.value,
                "name": row.name,
                "words": row.words,
            },
        )


def said_by(row: PairingRow) -> Said:
    """Read again what the other side of a pairing said.

    It was verified when it came; only that it was valid then is of interest.

    Raises:
        Conflict: It has said nothing yet.
    """
    if row.theirs is None or row.spoken_ms is None:
        raise Conflict("the other side has not spoken yet", code="no_words_yet")
    at = row.spoken_ms // 1000
    if row.by_file:
        return read_pairing_file(row.theirs, now=at).said
    return read_said(row.theirs, now=at)


def has_expired(row: PairingRow, now_ms: int) -> str:
    """Say why a pairing is over by now; nothing while it is not."""
    if row.state is PairingState.WAITING and now_ms >= row.taken_by_ms:
        return "nobody took the invitation up in time"
    if row.state is PairingState.COMPARING and now_ms >= row.ends_ms:
        return "nobody here confirmed the words in time"
    if row.state is PairingState.CONFIRMED:
        # The inviter may have trusted while its answer was lost; so the guest goes on asking.
        patience = KEYS_KEPT_MS if row.role is Role.GUEST else 0
        if now_ms >= row.ends_ms + patience:
            return "the other side did not confirm in time"
    return ""
