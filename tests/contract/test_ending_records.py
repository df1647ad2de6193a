"""Who was given what, and what was said when it ended: the same in memory and on disk."""

from __future__ import annotations

from support.samples import name
from undisc_node.services.ending_rows import CopyAnswer, Ending, Given
from undisc_protocol.notice import Acknowledgement, Does, Why

PEER, OTHER = name("peer", 32), name("other", 32)
STUDY = name("study", 16)


def given(peer=PEER, share=None, at_ms=1):
    return Given(peer, STUDY, name("grant", 32), share, at_ms)


def test_who_was_given_what_is_noted_once_and_found_by_study_and_node(catalog):
    share = name("share", 32)
    with catalog.change() as records:
        for one in (given(at_ms=2), given(at_ms=9), given(share=share), given(OTHER, at_ms=3)):
            records.endings.note_given(one)
    with catalog.look() as records:
        assert records.endings.given(study=STUDY) == [
            given(share=share),
            given(at_ms=2),
            given(OTHER, at_ms=3),
        ]
        assert records.endings.given(peer=OTHER) == [given(OTHER, at_ms=3)]
        assert records.endings.given(study=STUDY, peer=PEER)[1] == given(at_ms=2)
        assert records.endings.given(study=name("no study", 16)) == []


def test_notices_of_a_holder_are_kept_newest_first(catalog):
    kept = [Ending(name(f"n{n}", 32), PEER, STUDY, b"signed", n) for n in range(4)]
    with catalog.change() as records:
        for one in (*kept, kept[0]):
            records.endings.keep(one)
    with catalog.look() as records:
        assert records.endings.kept(PEER) == kept[::-1]
        assert records.endings.kept(PEER, skip=1, limit=2) == [kept[2], kept[1]]
        assert records.endings.kept(PEER, study=name("no study", 16)) == []
        assert records.endings.kept(OTHER) == []


def test_the_newest_answer_about_a_copy_is_kept(catalog):
    first = CopyAnswer(PEER, STUDY, Acknowledgement(Does.DECIDES, passed=True), 1)
    last = CopyAnswer(PEER, STUDY, Acknowledgement(Does.KEPT, Why.LAW), 2, "carol")
    with catalog.change() as records:
        assert records.endings.answer(PEER, STUDY) is None
        records.endings.put_answer(first)
        assert records.endings.answer(PEER, STUDY) == first
        records.endings.put_answer(last)
    with catalog.look() as records:
        assert records.endings.answer(PEER, STUDY) == last
