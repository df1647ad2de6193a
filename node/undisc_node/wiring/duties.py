"""What a node does by itself while it runs: each duty again and again, in a thread of its own.

A duty may wait for minutes for an archive that does not answer; no other waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from undisc_node.services.errors import ServiceError

log = logging.getLogger("undisc.node")


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that comes back.

    Attributes:
        name: What it is, as a line of log says it.
        seconds: Pause before the first round and after each.
        do: One round; synchronous; may raise `ServiceError`.
    """

    name: str
    seconds: float
    do: Callable[[], object]


async def perform(duty: Duty, ended: asyncio.Event) -> None:
    """Do the rounds of a duty until the end."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=duty.name) as thread:
        thread.submit(int)  # starts it now: a count of threads that grows later means a fault
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), duty.seconds)
            except TimeoutError:
                await loop.run_in_executor(thread, _round, duty)


def _round(duty: Duty) -> None:
    try:
        duty.do()
    except ServiceError as problem:
        # The next round tries again; a full disk must not end the node.
        log.warning("%s failed: %s", duty.name, problem.reason)
