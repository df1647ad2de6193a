"""Grants of this node: implements `ports.GrantRecords`. Never changed but for their revocation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undisc_node.services.errors import NotFound
from undisc_node.services.model import Basis, Grant
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.did import Did

_GRANTS = Columns.of(
    "grants",
    "id token study audience command basis staff purpose expires created_ms revoked_ms",
)


class GrantTable:
    """Grants within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, grant: bytes) -> Grant | None:
        """Return a grant by its id."""
        row = self._session.row(_GRANTS.select("WHERE id = ?"), (grant,))
        return _grant(row) if row else None

    def list(self, *, study: bytes | None = None, audience: Did | None = None) -> Sequence[Grant]:
        """List newest first, of one study, to one audience, or all."""
        values: tuple[object, ...] = (study,)
        where = "(?1 IS NULL OR study = ?1)"
        if audience is not None:  # by its own index: a link is looked up at every request
            where, values = f"audience = ?2 AND {where}", (study, audience)
        rows = self._session.rows(
            _GRANTS.select(f"WHERE {where} ORDER BY created_ms DESC, rowid DESC"), values
        )
        return [_grant(row) for row in rows]

    def add(self, grant: Grant) -> None:
        """Record a new grant.

        Raises:
            Conflict: It is on record already.
        """
        self._session.write(
            _GRANTS.insert(),
            (
                grant.id,
                grant.token,
                grant.study,
                grant.audience,
                grant.command,
                grant.basis,
                grant.staff,
                grant.purpose,
                grant.expires,
                grant.created_ms,
                grant.revoked_ms,
            ),
        )

    def revoke(self, grant: bytes, at_ms: int) -> None:
        """Revoke for good; a second time changes nothing, not even the time.

        Raises:
            NotFound: No such grant.
        """
        if self.get(grant) is None:
            raise NotFound("no such grant")
        self._session.write(
            "UPDATE grants SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", (at_ms, grant)
        )


def _grant(row: Any) -> Grant:
    return Grant(
        id=row[0],
        token=row[1],
        study=row[2],
        audience=Did(row[3]),
        command=row[4],
        basis=Basis(row[5]),
        staff=row[6],
        purpose=row[7],
        expires=row[8],
        created_ms=row[9],
        revoked_ms=row[10],
    )
