"""What patients wished about their visits: implements `ports.WishRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from undisc_node.services.desk_rows import Channel, ChannelKind, Signature, VisitPin
from undisc_node.services.link_rows import KeptPasscode
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_PINS: Final = Columns.of("visit_pins", "visit salt hash passes memory attempts max_attempts")
_CHANNELS: Final = Columns.of("visit_channels", "visit kind address language accepted_ms by at_ms")


class WishTable:
    """PINs, ways of delivery and signatures within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def pin(self, visit: bytes) -> VisitPin | None:
        """Return the PIN of a visit, or None."""
        row = self._session.row(_PINS.select("WHERE visit = ?"), (visit,))
        if row is None:
            return None
        id_, *kept, attempts, most = row
        return VisitPin(id_, KeptPasscode(*kept), attempts, most)

    def put_pin(self, pin: VisitPin) -> None:
        """Set the PIN of a visit; replaces an earlier one, and attempts begin anew."""
        kept = pin.kept
        self._session.write(
            _PINS.put(),
            (pin.visit, kept.salt, kept.hash, kept.passes, kept.memory, 0, pin.max_attempts),
        )

    def take_attempt(self, visit: bytes) -> bool:
        """Count an attempt at a PIN; False, and nothing is counted, when all are used up."""
        changed = self._session.write(
            "UPDATE visit_pins SET attempts = attempts + 1"
            " WHERE visit = ? AND attempts < max_attempts",
            (visit,),
        )
        return changed == 1

    def give_back(self, visit: bytes) -> None:
        """Take the count of an attempt back that turned out to be right."""
        self._session.write(
            "UPDATE visit_pins SET attempts = attempts - 1 WHERE visit = ? AND attempts > 0",
            (visit,),
        )

    def reopen(self, visit: bytes) -> None:
        """Let attempts begin anew."""
        self._session.write("UPDATE visit_pins SET attempts = 0 WHERE visit = ?", (visit,))

    def channels(self, visit: bytes) -> Sequence[Channel]:
        """List the ways in which a patient wants the link, by kind."""
        rows = self._session.rows(_CHANNELS.select("WHERE visit = ? ORDER BY kind"), (visit,))
        return [Channel(row[0], ChannelKind(row[1]), *row[2:]) for row in rows]

    def put_channel(self, channel: Channel) -> None:
        """Insert or replace by visit and kind."""
        self._session.write(
            _CHANNELS.insert(
                "ON CONFLICT (visit, kind) DO UPDATE SET address = excluded.address,"
                " language = excluded.language, accepted_ms = excluded.accepted_ms,"
                " by = excluded.by, at_ms = excluded.at_ms"
            ),
            (
                channel.visit,
                channel.kind,
                channel.address,
                channel.language,
                channel.accepted_ms,
                channel.by,
                channel.at_ms,
            ),
        )

    def drop_channel(self, visit: bytes, kind: str) -> None:
        """Remove a way; again changes nothing."""
        self._session.write(
            "DELETE FROM visit_channels WHERE visit = ? AND kind = ?", (visit, kind)
        )

    def signature(self, consent: bytes) -> Signature | None:
        """Return the drawn signature of a consent, or None."""
        row = self._session.row(
            "SELECT consent, image FROM consent_signatures WHERE consent = ?", (consent,)
        )
        return Signature(*row) if row else None

    def add_signature(self, signature: Signature) -> None:
        """Keep a signature; it is never replaced.

        Raises:
            Conflict: There is one already, or no such consent.
        """
        self._session.write(
            "INSERT INTO consent_signatures (consent, image) VALUES (?, ?)",
            (signature.consent, signature.image),
        )
