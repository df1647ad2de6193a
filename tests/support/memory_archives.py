"""Configured archives and deliveries in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from support.memory_tables import Part, Tables
from undisc_node.services.archive_model import Delivery, DeliveryState, HandedOver, Pacs
from undisc_node.services.errors import Conflict
from undisc_node.services.model import FetchState


def forget_study(tables: Tables, study: bytes) -> None:
    """Remove what is known of a study's deliveries."""
    _drop(tables, [one.id for one in tables.deliveries.values() if one.study == study])


def _drop(tables: Tables, deliveries: Sequence[bytes]) -> None:
    for one in deliveries:
        del tables.deliveries[one]
    tables.handed_over = {
        key: value for key, value in tables.handed_over.items() if key[0] not in deliveries
    }


class PacsRows(Part):
    def get(self, name: str) -> Pacs | None:
        return self._now.pacs.get(name)

    def list(self) -> Sequence[Pacs]:
        return sorted(self._now.pacs.values(), key=lambda one: one.name)

    def put(self, pacs: Pacs) -> None:
        self._new.pacs[pacs.name] = pacs

    def remove(self, name: str) -> None:
        self._new.pacs.pop(name, None)
        unfinished = [
            one.id
            for one in self._new.deliveries.values()
            if one.pacs == name and one.state is not DeliveryState.DONE
        ]
        _drop(self._new, unfinished)


class Deliveries(Part):
    def get(self, delivery: bytes) -> Delivery | None:
        return self._now.deliveries.get(delivery)

    def of(self, study: bytes, pacs: str) -> Delivery | None:
        rows = self._now.deliveries.values()
        return next((one for one in rows if (one.study, one.pacs) == (study, pacs)), None)

    def list(self, *, study: bytes | None = None, limit: int = 1000) -> Sequence[Delivery]:
        found = [one for one in self._now.deliveries.values() if study in (None, one.study)]
        found.reverse()
        found.sort(key=lambda one: one.created_ms, reverse=True)
        return found[:limit]

    def due(self, now_ms: int) -> Sequence[Delivery]:
        found = [
            one
            for one in self._now.deliveries.values()
            if one.state is DeliveryState.WAITING and one.next_ms <= now_ms
        ]
        return sorted(found, key=lambda one: one.next_ms)

    def put(self, delivery: Delivery) -> None:
        twin = self.of(delivery.study, delivery.pacs)
        if twin is not None and twin.id != delivery.id:
            raise Conflict("another delivery has this study and archive")
        self._new.deliveries[delivery.id] = delivery

    def hand_over(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        for one in objects:
            self._new.handed_over.setdefault((delivery, one), False)

    def commit(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        for one in objects:
            if (delivery, one) in self._new.handed_over:
                self._new.handed_over[delivery, one] = True

    def take_back(self, delivery: bytes, objects: Iterable[bytes]) -> None:
        for one in objects:
            self._new.handed_over.pop((delivery, one), None)

    def handed_over(self, delivery: bytes) -> HandedOver:
        rows = {key[1]: value for key, value in self._now.handed_over.items() if key[0] == delivery}
        return HandedOver(frozenset(rows), frozenset(key for key, value in rows.items() if value))

    def fetched_for(self, pacs: str, since_ms: int, *, limit: int) -> Sequence[bytes]:
        ended = sorted(
            (
                (one.ended_ms or 0, one.study)
                for one in self._now.fetches.values()
                if one.state is FetchState.DONE
                and one.study in self._now.studies
                and (one.ended_ms or 0) >= since_ms
                and self.of(one.study or b"", pacs) is None
            ),
            key=lambda pair: pair[0],
        )
        return list(dict.fromkeys(study for _, study in ended if study))[:limit]

    def grown(self, *, limit: int) -> Sequence[Delivery]:
        found = [
            one
            for one in self._now.deliveries.values()
            if one.state is DeliveryState.DONE
            and self._now.studies[one.study].arrived_ms >= (one.ended_ms or 0)
        ]
        return sorted(found, key=lambda one: one.ended_ms or 0)[:limit]
