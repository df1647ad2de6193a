"""Runs work in a forked process that dies at a moment of the test's choice.

The fork has everything loaded, so a kill costs milliseconds, and a sweep over every system call
that changes names or waits for the disk takes seconds.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

ACTS = ("fsync", "rename", "replace", "unlink", "mkdir", "rmdir")
"""What changes names or makes bytes durable; between two of them nothing that matters happens."""


def dies_at(number: int, work: Callable[[], object]) -> bool:
    """Run work in a child that kills itself before its act of this number, from 1.

    Returns:
        Whether it died; False when it ended before.
    """

    def doomed() -> None:
        left = number

        def counted(act: Callable[..., Any]) -> Callable[..., Any]:
            def called(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return act(*args, **kwargs)

            return called

        for name in ACTS:
            setattr(os, name, counted(getattr(os, name)))
        work()

    return _forked(doomed, None)


def dies_after(seconds: float, work: Callable[[], object]) -> bool:
    """Run work in a child that is killed after some time; return whether it died before its end."""
    return _forked(work, seconds)


def _forked(work: Callable[[], object], seconds: float | None) -> bool:
    assert threading.active_count() == 1, "a fork would lose the other threads"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False
