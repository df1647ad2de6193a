"""A real node in its own process that loses patience soon, and how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from support.killable_node import KillableNode
from undisc_node import cli
from undisc_node.peers import client

CONNECT, READ, TOTAL = 0.8, 0.3, 0.8  # seconds; what `Patience` is in this process


class ImpatientNode(KillableNode):
    """A node that waits for seconds where others wait for a minute."""

    def _launch(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "support.byzantine.asker", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
                start_new_session=True,
            )

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        (line,) = [one for one in text.splitlines() if one.startswith(name)]
        return int(line.split()[1]) * 1024

    def reset_peak(self) -> int:
        """Forget the highest memory so far (proc(5), clear_refs); return the memory now, bytes."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        return self._status("VmRSS")

    def peak(self) -> int:
        """Return the highest memory since, bytes."""
        return self._status("VmHWM")

    def peer_row(self, peer: str) -> Mapping[str, Any]:
        """Return what it knows of a peer."""
        return self.admin.get(f"peers/{peer}").part("peer").raw


def main() -> None:
    """Run `undisc-node` with little patience."""
    short = partial(client.Patience, connect=CONNECT, read=READ, total=TOTAL)
    client.Patience = short  # type: ignore[misc,assignment]
    cli.main()


if __name__ == "__main__":
    main()
