"""Which bytes of which object went over the wire, and how often: the books of the proxy, read.

Ciphertext leaves a holder as it lies in its pack file, so the first bytes of an answer say where in
the file they come from; no key is needed to know which object a byte belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.fault_proxy import Exchange
from support.killable_node import extents
from undisc_protocol import limits

SEALED_CHUNK = limits.CHUNK + limits.TAG


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes of one object that one answer carried.

    Attributes:
        answer: Number of the request.
        item: Number of the object in its study.
        start: First byte within the object's ciphertext.
        stop: End, exclusive.
        broken_off: The answer ended here, before it was whole.
    """

    answer: int
    item: int
    start: int
    stop: int
    broken_off: bool


class Holding:
    """A study as its holder keeps it.

    Args:
        pack: The pack file.
        sizes: Bytes of the objects before encryption, in the order in which they are served.
    """

    def __init__(self, pack: Path, sizes: Sequence[int]) -> None:
        self._content = pack.read_bytes()
        self.extents = extents(pack, list(sizes))
        assert len(self.extents) == len(sizes)
        self.total = sum(stop - start for start, stop in self.extents)

    def owns(self, exchange: Exchange) -> bool:
        """Tell whether an answer carried bytes of this study."""
        return exchange.sent > 0 and exchange.sample[: exchange.sent] in self._content

    def runs(self, exchanges: Sequence[Exchange]) -> list[Run]:
        """Say which bytes of which objects these answers carried."""
        return [run for one in exchanges if one.sent for run in self._runs(one)]

    def _runs(self, exchange: Exchange) -> Iterator[Run]:
        position = self._content.find(exchange.sample[: exchange.sent])
        assert position >= 0, "an answer carried bytes that are not in the pack"
        left = exchange.sent
        for item, (start, stop) in enumerate(self.extents):
            if stop <= position or left == 0:
                continue
            first = max(start, position)
            count = min(stop - first, left)
            left -= count
            broken = left == 0 and exchange.sent < exchange.length
            yield Run(exchange.number, item, first - start, first - start + count, broken)
        assert left == 0

    def there(self, pack: Path, item: int, sizes: Sequence[int]) -> int:
        """Count the chunks of an object that a recipient's unfinished pack has, from the start."""
        found = extents(pack, list(sizes))
        if item >= len(found):
            return 0
        start, stop = self.extents[item]
        begin, count = found[item][0], 0
        with pack.open("rb") as file:
            for offset in range(0, stop - start, SEALED_CHUNK):
                length = min(SEALED_CHUNK, stop - start - offset)
                tag_at = offset + length - limits.TAG
                file.seek(begin + tag_at)
                if file.read(limits.TAG) != self._content[start + tag_at :][: limits.TAG]:
                    break
                count += 1
        return count


@dataclass(frozen=True, slots=True)
class Again:
    """What of an object was asked for again.

    Attributes:
        item: The object.
        breaks: Answers that broke off within it.
        count: Bytes that had been sent before and were sent again.
        most: The most of these in one answer.
    """

    item: int
    breaks: int
    count: int
    most: int


def asked_again(runs: Sequence[Run]) -> list[Again]:
    """Count for each object what was sent more than once.

    Within an object bytes come in order, and a later answer begins at the latest where the
    earlier ones ended; so one number, how far it had come, is enough.
    """
    by_item: dict[int, list[Run]] = {}
    for run in sorted(runs, key=lambda one: one.answer):
        by_item.setdefault(run.item, []).append(run)
    found = []
    for item, own in sorted(by_item.items()):
        reached, repeated = 0, []
        for run in own:
            assert run.start <= reached, "a part of an object was left out"
            repeated.append(max(0, min(run.stop, reached) - run.start))
            reached = max(reached, run.stop)
        breaks = sum(run.broken_off for run in own)
        found.append(Again(item, breaks, sum(repeated), max(repeated)))
    return found
