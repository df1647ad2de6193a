"""Threads that several parties share, of which no party gets more than its part.

A peer that hangs or dribbles keeps a thread for as long as it is given time. Without a bound for
each, twelve offers of one such peer would stop the fetches from all others.

Not here: what the work is, and how long it may take.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

Work = Callable[[], None]


class Lanes:
    """Runs work in turn, for each party at most so many pieces at once.

    Args:
        threads: Pieces of work that run at once, of all parties together.
        each: Of these, how many may be of one party.
        name: What threads are called.
    """

    def __init__(self, *, threads: int, each: int, name: str) -> None:
        self._each = each
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = Lock()
        self._waiting: dict[bytes, deque[tuple[Future[None], Work]]] = {}
        self._running: Counter[bytes] = Counter()
        self._stopped = False

    def submit(self, party: bytes, work: Work) -> Future[None]:
        """Run work when it is its party's turn; never waits."""
        done: Future[None] = Future()
        with self._lock:
            self._waiting.setdefault(party, deque()).append((done, work))
            self._advance(party)
        return done

    def _advance(self, party: bytes) -> None:
        """Begin a party's next piece of work, if it may have one more; the lock is held."""
        queue = self._waiting.get(party)
        if self._stopped or not queue or self._running[party] >= self._each:
            return
        done, work = queue.popleft()
        if not queue:
            del self._waiting[party]
        self._running[party] += 1
        self._pool.submit(self._run, party, done, work)

    def _run(self, party: bytes, done: Future[None], work: Work) -> None:
        try:
            if done.set_running_or_notify_cancel():
                work()
                done.set_result(None)
        except BaseException as problem:  # noqa: BLE001 - whoever asks the future sees it
            done.set_exception(problem)
        finally:
            with self._lock:
                self._running[party] -= 1
                if not self._running[party]:
                    del self._running[party]
                self._advance(party)

    def stop(self) -> None:
        """Begin nothing more, and wait for what runs."""
        with self._lock:
            self._stopped = True
            waiting = [done for queue in self._waiting.values() for done, _ in queue]
            self._waiting.clear()
        for done in waiting:
            done.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
