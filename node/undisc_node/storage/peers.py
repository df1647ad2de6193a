"""Other nodes: implements `ports.PeerRecords`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.errors import Damaged
from undisc_node.services.model import Peer, PeerState
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol import dagcbor, limits
from undisc_protocol.did import Did
from undisc_protocol.tree import Checkpoint

_PEERS = Columns.of(
    "peers", "id did name state scopes urls box records card seq added_ms checkpoint"
)
_MAX_RECORDS: Final = limits.MAX_IDENTITY_RECORDS * (limits.MAX_IDENTITY_RECORD + 8)  # bytes
_MAX_CHECKPOINT: Final = 256  # bytes; three short fields


class PeerTable:
    """Peers within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, peer: bytes) -> Peer | None:
        """Return a peer by its node id."""
        row = self._session.row(_PEERS.select("WHERE id = ?"), (peer,))
        return _peer(row) if row else None

    def find_did(self, did: Did) -> Peer | None:
        """Return the one peer that has this current DID."""
        row = self._session.row(_PEERS.select("WHERE did = ?"), (did,))
        return _peer(row) if row else None

    def list(self) -> Sequence[Peer]:
        """List in the order they were added."""
        rows = self._session.rows(_PEERS.select("ORDER BY added_ms, rowid"))
        return [_peer(row) for row in rows]

    def put(self, peer: Peer) -> None:
        """Insert or replace by node id.

        Raises:
            Conflict: Another peer has this DID.
        """
        self._session.write(
            _PEERS.put(),
            (
                peer.id,
                peer.did,
                peer.name,
                peer.state,
                json.dumps(peer.scopes),
                json.dumps(peer.urls),
                peer.box,
                dagcbor.encode(peer.records),
                peer.card,
                peer.seq,
                peer.added_ms,
                dagcbor.encode(peer.checkpoint.to_value()) if peer.checkpoint else None,
            ),
        )


def _peer(row: Any) -> Peer:
    return Peer(
        id=row[0],
        did=Did(row[1]),
        name=row[2],
        state=PeerState(row[3]),
        scopes=tuple(json.loads(row[4])),
        urls=tuple(json.loads(row[5])),
        box=row[6],
        records=_records(row[7]),
        card=row[8],
        seq=row[9],
        added_ms=row[10],
        checkpoint=_checkpoint(row[11]),
    )


def _checkpoint(encoded: bytes | None) -> Checkpoint | None:
    if encoded is None:
        return None
    return Checkpoint.from_value(dagcbor.decode(encoded, limit=_MAX_CHECKPOINT))


def _records(encoded: bytes) -> tuple[bytes, ...]:
    decoded = dagcbor.decode(encoded, limit=_MAX_RECORDS)
    if not isinstance(decoded, list):
        raise Damaged("a peer's identity records do not read")
    return tuple(record for record in decoded if isinstance(record, bytes))
