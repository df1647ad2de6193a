"""Counts over the tables in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Iterable

from support.memory_tables import Part
from undisc_node.services.model import FetchState, Grant, PeerState, Share, StudyState
from undisc_node.services.ports import Holding, Moment, Totals
from undisc_node.services.sender_model import STRANGER


class Figures(Part):
    def totals(self, now_ms: int) -> Totals:
        tables = self._now
        holdings = dict.fromkeys(("dicom", "watch", "import", "fetch"), Holding(0, 0, 0))
        seen = [one for one in tables.studies.values() if not one.sender.startswith(STRANGER)]
        for study in seen:
            kind = study.sender.partition(":")[0]
            way = {"dicom": "dicom", "watch": "watch", "peer": "fetch"}.get(kind, "import")
            so_far = holdings[way]
            holdings[way] = Holding(
                so_far.studies + 1, so_far.instances + study.instances, so_far.size + study.size
            )

        def permissions(rows: Iterable[Grant | Share]) -> dict[str, int]:
            found = {"active": 0, "expired": 0, "revoked": 0}
            for row in rows:
                is_over = row.expires * 1000 <= now_ms
                state = "expired" if is_over else "active"
                found["revoked" if row.revoked_ms is not None else state] += 1
            return found

        studies = seen
        fetches = tables.fetches.values()
        peers = tables.peers.values()
        return Totals(
            studies={
                **{state: sum(one.state is state for one in studies) for state in StudyState},
                "unsettled": sum(one.settled_ms is None for one in studies),
                "waiting": sum(one.waiting > 0 for one in studies),
            },
            holdings=holdings,
            grants=permissions(tables.grants.values()),
            shares=permissions(tables.shares.values()),
            fetches={state: sum(one.state is state for one in fetches) for state in FetchState},
            receipts_due=sum(one.receipt_due for one in fetches),
            peers={state: sum(one.state is state for one in peers) for state in PeerState},
        )

    def moment(self, now_ms: int) -> Moment:
        tables = self._now
        return Moment(
            tickets=sum(one.expires_ms > now_ms for one in tables.tickets.values()),
            log_size=len(tables.log),
            suspended=len(tables.suspended),
            restored=any(one.confirmed_ms is None for one in tables.restored),
        )
