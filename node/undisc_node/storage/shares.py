"""Shares on grants of this node: implements `ports.ShareRecords`.

Never changed but for their revocation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.errors import NotFound
from undisc_node.services.model import Share
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.did import Did

_SERIES_NAME: Final = 16  # bytes
_SHARES = Columns.of(
    "shares", "id token grant_id study audience command series expires created_ms revoked_ms"
)


class ShareTable:
    """Shares within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, share: bytes) -> Share | None:
        """Return a share by its id."""
        row = self._session.row(_SHARES.select("WHERE id = ?"), (share,))
        return _share(row) if row else None

    def list(self, *, study: bytes | None = None, audience: Did | None = None) -> Sequence[Share]:
        """List newest first, of one study, to one audience, or all."""
        if audience is not None:
            rows = self._session.rows(
                _SHARES.select(
                    "WHERE audience = ?2 AND (?1 IS NULL OR study = ?1)"
                    " ORDER BY created_ms DESC, rowid DESC"
                ),
                (study, audience),
            )
            return [_share(row) for row in rows]
        rows = self._session.rows(
            _SHARES.select("WHERE ?1 IS NULL OR study = ?1 ORDER BY created_ms DESC, rowid DESC"),
            (study,),
        )
        return [_share(row) for row in rows]

    def add(self, share: Share) -> None:
        """Record a new share.

        Raises:
            Conflict: It is on record already, or its grant is not.
        """
        self._session.write(
            _SHARES.insert(),
            (
                share.id,
                share.token,
                share.grant,
                share.study,
                share.audience,
                share.command,
                b"".join(share.series),
                share.expires,
                share.created_ms,
                share.revoked_ms,
            ),
        )

    def revoke(self, share: bytes, at_ms: int) -> None:
        """Revoke for good; a second time changes nothing, not even the time.

        Raises:
            NotFound: No such share.
        """
        if self.get(share) is None:
            raise NotFound("no such share")
        self._session.write(
            "UPDATE shares SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", (at_ms, share)
        )


def _share(row: Any) -> Share:
    names = row[6]
    return Share(
        id=row[0],
        token=row[1],
        grant=row[2],
        study=row[3],
        audience=Did(row[4]),
        command=row[5],
        series=tuple(
            names[start : start + _SERIES_NAME] for start in range(0, len(names), _SERIES_NAME)
        ),
        expires=row[7],
        created_ms=row[8],
        revoked_ms=row[9],
    )
