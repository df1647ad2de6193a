"""Messages to people: implements `ports.MessageRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.message_rows import (
    Lapsing,
    MessageKind,
    MessageRow,
    MessageState,
)
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns

_CHANNELS: Final = Columns.of("visit_channels", "visit kind address language accepted_ms by at_ms")
_MESSAGES: Final = Columns.of(
    "outgoing_messages",
    "id kind subject visit channel address language state made_ms attempts next_ms ended_ms"
    " problem reference round",
)
LONG: Final = 21 * 86_400  # seconds; who shares something for days needs no reminder of its end


class MessageTable:
    """Messages within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, message: bytes) -> MessageRow | None:
        """Return a message by its id."""
        row = self._session.row(_MESSAGES.select("WHERE id = ?"), (message,))
        return _message(row) if row else None

    def add(self, message: MessageRow) -> bool:
        """Add a message; False when there is one of its kind, subject and contact already."""
        statement = _MESSAGES.insert("ON CONFLICT (kind, subject, channel, address) DO NOTHING")
        return bool(self._session.write(statement, _values(message)))

    def put(self, message: MessageRow) -> None:
        """Replace a message by id."""
        self._session.write(_MESSAGES.put(), _values(message))

    def due(self, now_ms: int, *, limit: int = 100) -> Sequence[MessageRow]:
        """List what waits and is to be sent now, the longest due first."""
        rows = self._session.rows(
            _MESSAGES.select(
                "WHERE state = 'waiting' AND next_ms <= ? ORDER BY next_ms, rowid LIMIT ?"
            ),
            (now_ms, limit),
        )
        return [_message(row) for row in rows]

    def interrupted(self) -> Sequence[MessageRow]:
        """List what was on its way: sending or handing."""
        rows = self._session.rows(
            _MESSAGES.select("WHERE state IN ('sending', 'handing') ORDER BY next_ms, rowid")
        )
        return [_message(row) for row in rows]

    def starting(self, prefix: str) -> Sequence[MessageRow]:
        """Return up to two messages whose id begins with some hex digits."""
        rows = self._session.rows(
            _MESSAGES.select("WHERE lower(hex(id)) GLOB ? ORDER BY id LIMIT 2"), (f"{prefix}*",)
        )
        return [_message(row) for row in rows]

    def list(self, *, visit: bytes | None = None, limit: int = 200) -> Sequence[MessageRow]:
        """List newest first."""
        rows = self._session.rows(
            _MESSAGES.select(
                "WHERE ?1 IS NULL OR visit = ?1 ORDER BY made_ms DESC, rowid DESC LIMIT ?2"
            ),
            (visit, limit),
        )
        return [_message(row) for row in rows]

    def unannounced(self, *, limit: int = 100) -> Sequence[Channel]:
        """List ways to patients of open, released visits to which no link was sent yet."""
        rows = self._session.rows(
            _CHANNELS.select(
                """AS c WHERE kind != 'print'
                AND EXISTS (SELECT 1 FROM visits WHERE id = c.visit AND closed_ms IS NULL)
                AND EXISTS (SELECT 1 FROM visit_studies
                    WHERE visit = c.visit AND belongs AND released_ms IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM outgoing_messages AS m WHERE m.kind = 'link'
                    AND m.subject = c.visit AND m.channel = c.kind AND m.address = c.address)
                ORDER BY at_ms, visit, kind LIMIT ?"""
            ),
            (limit,),
        )
        return [Channel(row[0], ChannelKind(row[1]), *row[2:]) for row in rows]

    def lapsing(self, since: int, until: int, *, limit: int = 100) -> Sequence[Lapsing]:
        """List shares of visits that end between two moments and of which nobody was reminded."""
        rows = self._session.rows(
            """SELECT min(s.id), v.id, min(s.expires) FROM shares AS s
            JOIN grants AS g ON g.id = s.grant_id AND g.revoked_ms IS NULL
            JOIN visit_studies AS b ON b.study = s.study AND b.belongs
            JOIN visits AS v ON v.id = b.visit AND v.closed_ms IS NULL AND v.decision = 'yes'
            WHERE s.revoked_ms IS NULL AND s.expires > ?1 AND s.expires <= ?2
            AND s.expires - s.created_ms / 1000 >= ?3 AND g.basis IN ('patient', 'proxy')
            AND EXISTS (SELECT 1 FROM visit_channels WHERE visit = v.id AND kind != 'print')
            AND NOT EXISTS (SELECT 1 FROM outgoing_messages AS m
                JOIN shares AS other ON other.id = m.subject
                WHERE m.kind = 'reminder' AND other.audience = s.audience)
            GROUP BY s.audience, v.id ORDER BY min(s.expires), min(s.id) LIMIT ?4""",
            (since, until, LONG, limit),
        )
        return [Lapsing(*row) for row in rows]

    def forget(self, before_ms: int, now: int) -> int:
        """Remove messages that ended before then and cannot become due again; return how many."""
        return self._session.write(
            """DELETE FROM outgoing_messages WHERE ended_ms <= ?1 AND (
                kind NOT IN ('link', 'reminder')
                OR (kind = 'link' AND NOT EXISTS (
                    SELECT 1 FROM visits AS v WHERE v.id = subject AND v.closed_ms IS NULL))
                OR (kind = 'reminder' AND NOT EXISTS (
                    SELECT 1 FROM shares AS s JOIN shares AS o ON o.audience = s.audience
                    WHERE s.id = subject AND o.revoked_ms IS NULL AND o.expires > ?2)))""",
            (before_ms, now),
        )


def _message(row: Any) -> MessageRow:
    name, kind, subject, visit, channel, address, language, state, *rest = row
    return MessageRow(
        name,
        MessageKind(kind),
        subject,
        visit,
        Contact(ChannelKind(channel), address),
        language,
        MessageState(state),
        *rest,
    )


def _values(message: MessageRow) -> tuple[object, ...]:
    return (
        message.id,
        message.kind.value,
        message.subject,
        message.visit,
        message.contact.channel.value,
        message.contact.to,
        message.language,
        message.state.value,
        message.made_ms,
        message.attempts,
        message.next_ms,
        message.ended_ms,
        message.problem,
        message.reference,
        message.round,
    )
