"""A node that is killed at a moment of the test's choice, and what its home may hold afterwards."""

from __future__ import annotations

import base64
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from blake3 import blake3

from support.fork_server import ForkServer
from support.leftovers import leftovers, rows
from support.two_nodes import RunningNode
from undisc_admin.client import Client
from undisc_node.services.errors import Unavailable
from undisc_protocol.pack import FRAME_HEAD, PACK_HEAD, FrameKind, read_frame_head, stored_size

_POLL = 0.01  # seconds between two looks at what a node only tells when asked


def wait_for(what: str, happened: Callable[[], Any], *, seconds: float) -> Any:
    """Look until something is true, and return it; fail when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := happened():
            return found
        time.sleep(_POLL)
    raise AssertionError(f"after {seconds} s still not: {what}")


class KillableNode(RunningNode):
    """A node process that can die at any moment, also while it starts.

    Args:
        directory: Where its kit and log file go.
        name: The practice's name.
        home: Its home, if that is not below the directory.

    Attributes:
        forks: Starts it faster, when set.
    """

    def __init__(self, directory: Path, name: str, *, home: Path | None = None) -> None:
        super().__init__(directory, name)
        self.forks: ForkServer | None = None
        if home is not None:
            self.home = home
            self.admin = Client(home / "admin.sock")

    @property
    def is_alive(self) -> bool:
        """Tell whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def _launch(self, arguments: Sequence[str]) -> Any:
        if self.forks is None:
            return super()._launch(arguments)
        return self.forks.serve(arguments, self._environment(), self.log_path)

    def start_doomed(self, seconds: float) -> bool:
        """Start, and kill without warning after some time; return whether it got ready before.

        The node must live until then: one that ends by itself fails the test.
        """
        killer = threading.Timer(seconds, self.kill_now)
        killer.start()
        try:
            self.start()
        except Unavailable:
            ready = False
        else:
            ready = True
        killer.join()
        self.bury()
        return ready

    def kill_now(self) -> None:
        """Send SIGKILL to it and its helpers, and do not wait."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Wait for the killed process; fail when it had ended by itself before."""
        process = self._process
        assert process is not None
        code = process.wait(10)
        self._process = None
        assert code == -signal.SIGKILL, f"it ended by itself with {code}: {self.last_words()}"

    def wait_ready(self) -> None:
        """Wait until a node that was started in the background answers."""
        wait_for("the node answers", self._answers, seconds=30)

    def last_words(self) -> str:
        """Return the end of its log file."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-2_000:]

    @property
    def node_id(self) -> str:
        """The node's id, as others name it."""
        return self.admin.get("status").text("node_id")

    def hashes(self, study: str) -> dict[str, str]:
        """Return what the node says it holds of a study: SOP Instance UID to BLAKE3."""
        return {one["sop_uid"]: one["blake3"] for one in self.instances(study)}

    def hashes_read_back(self, study: str) -> dict[str, str]:
        """Read every current instance of a study in full, and hash it here."""
        return {uid: blake3(data).hexdigest() for uid, data in self.exported(study).items()}

    def begin_fetch(self, offer: bytes) -> str:
        """Start a fetch; return its id."""
        answer = self.admin.post("fetches", {"offer": base64.b64encode(offer).decode()})
        return answer.part("fetch").text("id")

    def fetch_row(self, fetch: str) -> Mapping[str, Any]:
        """Return how a fetch stands."""
        return self.admin.get(f"fetches/{fetch}").part("fetch").raw

    def check_log(self) -> int:
        """Let the node verify its log; return its length."""
        verified = self.admin.post("log/verify")
        assert verified.flag("ok")
        return verified.integer("size")

    def resources(self) -> tuple[int, int]:
        """Count the threads and the open descriptors of its process.

        Without those of the catalog: it keeps some connections open, and bounds them itself.
        """
        process = Path(f"/proc/{self.pid}")
        others = 0
        for one in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed just now
                others += not one.readlink().name.startswith("catalog.sqlite3")
        return len(list((process / "task").iterdir())), others

    def leftovers(self) -> list[str]:
        """List what lies in the home and belongs to nothing: files without row, keys, uploads."""
        return leftovers(self.home)

    def rows(self, database: str, statement: str) -> list[Any]:
        """Look into one of the node's databases."""
        return rows(self.home, database, statement)


def extents(pack: Path, sizes: list[int]) -> list[tuple[int, int]]:
    """Find the ciphertext of each object in a pack file, without its key.

    Args:
        pack: The file.
        sizes: Bytes of the objects before encryption, in order.

    Returns:
        Start and stop of each; fewer when the file ends before.
    """
    found: list[tuple[int, int]] = []
    with pack.open("rb") as file:
        end, position = pack.stat().st_size, PACK_HEAD
        while len(found) < len(sizes) and position + FRAME_HEAD <= end:
            file.seek(position)
            head = read_frame_head(file.read(FRAME_HEAD))
            position += FRAME_HEAD + head.length
            if head.kind is FrameKind.OBJECT:
                stop = position + stored_size(sizes[len(found)])
                found.append((position, stop))
                position = stop
    return found
