"""Runs every check with a deadline, and turns whatever goes wrong in one into a finding."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from undisc_node.checks.finding import CannotLook, Check, Finding, Level, skip, warn
from undisc_node.checks.registry import CHECKS
from undisc_node.checks.scene import Scene
from undisc_node.config import Found

DEADLINE: Final = 5.0  # seconds for one check; a person waits, and a monitor asks again


def examine(
    home: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, Found] | None = None,
    checks: Sequence[Check] = CHECKS,
) -> list[Finding]:
    """Run every check on a home.

    Args:
        home: The node's home.
        environment: The process environment.
        overrides: What `--set` gave.
        checks: What to look at.
    """
    scene = Scene(home, environment, overrides or {})
    running = {check.name: _Run(check, scene) for check in checks if check.network}
    for check in checks:
        if check.name not in running:
            running[check.name] = _Run(check, scene)
            running[check.name].wait()
    return [running[check.name].wait() for check in checks]


class _Run:
    """One check in a thread of its own, which is left behind when it takes too long."""

    def __init__(self, check: Check, scene: Scene) -> None:
        self._check = check
        self._scene = scene
        self._found: Finding | None = None
        self._ends = time.monotonic() + DEADLINE
        self._thread = threading.Thread(target=self._look, name=check.name, daemon=True)
        self._thread.start()

    def wait(self) -> Finding:
        """Return what was found."""
        self._thread.join(max(0.0, self._ends - time.monotonic()))
        found = self._found or warn(
            f"no answer within {DEADLINE:g} seconds",
            "look at the load of the machine, its disk and its network, then try again",
        )
        return replace(found, name=self._check.name, area=self._check.area)

    def _look(self) -> None:
        try:
            self._found = self._check.look(self._scene)
        except CannotLook as problem:
            self._found = skip(str(problem))
        except Exception as problem:  # noqa: BLE001 - one check must not keep the others from looking
            # Its text may quote what it stumbled over, so only its kind is told.
            self._found = Finding(
                Level.WARN,
                f"could not be looked at: {type(problem).__name__}",
                "run the command as the user who owns the node's home",
            )
