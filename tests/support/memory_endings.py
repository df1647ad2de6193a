"""Who was given what, and what was said when it ended, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_tables import Part
from undisc_node.services.ending_rows import CopyAnswer, Ending, Given


class Endings(Part):
    def note_given(self, given: Given) -> None:
        key = (given.peer, given.study, given.grant, given.share)
        self._new.given.setdefault(key, given)

    def given(self, *, study: bytes | None = None, peer: bytes | None = None) -> Sequence[Given]:
        found = [
            one
            for one in self._now.given.values()
            if study in (None, one.study) and peer in (None, one.peer)
        ]
        return sorted(found, key=lambda one: (one.at_ms, one.grant, one.share or b""))

    def keep(self, ending: Ending) -> None:
        self._new.endings.setdefault(ending.hash, ending)

    def kept(
        self, peer: bytes, *, study: bytes | None = None, skip: int = 0, limit: int = 1_000
    ) -> Sequence[Ending]:
        found = [
            one
            for one in self._now.endings.values()
            if one.peer == peer and study in (None, one.study)
        ]
        found.reverse()
        found.sort(key=lambda one: one.at_ms, reverse=True)
        return found[skip : skip + limit]

    def answer(self, peer: bytes, study: bytes) -> CopyAnswer | None:
        return self._now.copy_answers.get((peer, study))

    def put_answer(self, answer: CopyAnswer) -> None:
        self._new.copy_answers[answer.peer, answer.study] = answer
