"""Real nodes in processes of their own, administered through their sockets as `undisc` does."""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.dicom_files import data_set
from undisc_admin.answer import Answer
from undisc_admin.client import Client
from undisc_admin.errors import CommandError
from undisc_node.demo.nodes import NodeProcess
from undisc_node.dicom.part10 import compose_part10
from undisc_protocol.capability.delegation import Delegation
from undisc_protocol.keys import SignKey, link_key
from undisc_protocol.link import read_secret
from undisc_protocol.offer import read_offer

SC = "1.2.840.10008.5.1.4.1.1.7"
_FETCH_SECONDS = 60


class RunningNode(NodeProcess):
    """A node process with its admin API at hand, which is faster than a command for each step."""

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory, name)
        self.admin = Client(self.home / "admin.sock")

    @property
    def did(self) -> str:
        """The node's own DID."""
        return self.admin.get("status").text("did")

    def import_bytes(self, content: bytes) -> Answer:
        """Import one file."""
        return self.admin.upload("instances", _Body(content))

    def events(self, kind: str = "") -> list[dict]:
        """Return all lines of the log, or those of one kind."""
        lines: list[dict] = []
        while batch := self.admin.get("log", {"after": len(lines) - 1, "limit": 1000}).raw[
            "events"
        ]:
            lines.extend(batch)
        return [line for line in lines if not kind or line["type"] == kind]

    def add_peer(self, url: str, *, trust: bool = True, scopes: tuple[str, ...] = ()) -> str:
        """Add the node at an address as a peer; return its id."""
        seen = self.admin.post("peers/look", {"url": url}).text("node_id")
        wish = {"url": url, "node_id": seen, "trust": trust}
        self.admin.post("peers", {**wish, "scopes": list(scopes or ("fetch", "offer"))})
        return seen

    def grant(self, study: str, peer: str, **changes: object) -> tuple[str, bytes]:
        """Grant a study to a peer; return the grant's id and the offer."""
        wish: dict[str, object] = {
            "study": study,
            "peer": peer,
            "basis": "operator",
            "staff": "Dr A. Tester",
            "purpose": "test",
            "command": "/img/read",
            "days": 1,
        }
        made = self.admin.post("grants", wish | changes)
        return made.part("grant").text("id"), base64.b64decode(made.text("offer"))

    def link_grant(self, study: str, *, days: int = 2) -> tuple[str, SignKey, bytes]:
        """Grant a study to a new link; return the grant's id, the link's key and the token."""
        made = self.admin.post(
            "grants",
            {
                "study": study,
                "link": True,
                "basis": "operator",
                "staff": "Dr A. Tester",
                "purpose": "test",
                "command": "/img",
                "days": days,
            },
        )
        grant = made.part("grant").text("id")
        token = self.admin.get(f"grants/{grant}/token").text("token")
        return grant, link_key(read_secret(made.text("link"))), base64.b64decode(token)

    def register_share(self, share: bytes) -> tuple[str, bytes]:
        """Register a share; return its id and the offer."""
        made = self.admin.post("shares", {"token": base64.b64encode(share).decode()})
        return made.part("share").text("id"), base64.b64decode(made.text("offer"))

    def fetch(self, offer: bytes) -> dict:
        """Fetch what an offer names; return the fetch as it ended, with its receipt settled."""
        answer = self.admin.post("fetches", {"offer": base64.b64encode(offer).decode()})
        return self.follow(answer.part("fetch").text("id"))

    def follow(self, fetch: str) -> dict:
        """Wait until a fetch has ended and its receipt is not due any more."""
        deadline = time.monotonic() + _FETCH_SECONDS
        while time.monotonic() < deadline:
            row = dict(self.admin.get(f"fetches/{fetch}").part("fetch").raw)
            if row["state"] != "running" and row["receipt"] != "due":
                return row
            time.sleep(0.02)  # the node tells of progress only when asked
        raise AssertionError(f"the fetch is still going on: {row}")

    def studies(self) -> list[dict]:
        """List the studies."""
        return list(self.admin.get("studies", {"limit": 1000}).raw["studies"])

    def instances(self, study: str, state: str = "current") -> list[dict]:
        """List a study's instances of one state."""
        listed = self.admin.get(f"studies/{study}").raw["instances"]
        return [one for one in listed if one["state"] == state]

    def exported(self, study: str) -> dict[str, bytes]:
        """Return the current files of a study by SOP Instance UID, as the node gives them out."""
        found = {}
        for one in self.instances(study):
            with tempfile.TemporaryFile() as into:
                self.admin.download(f"studies/{study}/instances/{one['id']}/file", into)
                into.seek(0)
                found[one["sop_uid"]] = into.read()
        return found

    def node_key(self) -> SignKey:
        """Read the node's key from its home, as a thief would."""
        return SignKey.from_seed(bytes.fromhex((self.home / "keys" / "node-key").read_text()))


class _Body:
    """Bytes as the body of a request."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._rest = memoryview(content)

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes."""
        count = len(self._rest) if count < 0 else count
        block, self._rest = self._rest[:count], self._rest[count:]
        return bytes(block)


def settings(node: NodeProcess, **values: object) -> None:
    """Change settings that `NodeProcess.init` has written: `ingest__reserve_mib=8`."""
    path = node.home / "undisc.toml"
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        section, key = name.split("__")
        lines = text.splitlines()
        kept = [line for line in lines if not line.startswith(f"{key} =")]
        kept.insert(kept.index(f"[{section}]") + 1, f"{key} = {value}")
        text = "\n".join(kept) + "\n"
    path.write_text(text, encoding="utf-8")


@contextmanager
def short_directory() -> Iterator[Path]:
    """Yield a directory whose path is short enough for a Unix socket (unix(7): 108 bytes)."""
    directory = Path(tempfile.mkdtemp(prefix="undisc-test-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(*names: str) -> Iterator[list[RunningNode]]:
    """Make and start nodes that do not know each other; stop them at the end."""
    with short_directory() as directory:
        nodes = [RunningNode(directory / f"n{n}", name) for n, name in enumerate(names)]
        try:
            for node in nodes:
                node.init()
                node.start()
            yield nodes
        finally:
            for node in nodes:
                node.stop()


def befriend(first: RunningNode, second: RunningNode) -> None:
    """Let two nodes trust each other."""
    first.add_peer(second.url)
    second.add_peer(first.url)


def dicom_file(
    number: int = 1,
    *,
    study: str = "1.2.3",
    series: int = 1,
    preamble: bytes = bytes(128),
    extra: bytes = b"",
    trailing: bytes = b"",
    **changes: bytes,
) -> bytes:
    """Make a small Part 10 file; another number is another instance."""
    uid = f"{study}.{series}.{number}"
    head = compose_part10(sop_class=SC, sop_uid=uid, transfer_syntax="1.2.840.10008.1.2")
    body = data_set(
        study_uid=study.encode(),
        series_uid=f"{study}.{series}".encode(),
        sop_uid=uid.encode(),
        **changes,
    )
    return preamble + head[128:] + body + extra + trailing


def pixels(content: bytes) -> bytes:
    """Encode pixel data in implicit VR little endian, to go behind the other elements."""
    return b"\xe0\x7f\x10\x00" + len(content).to_bytes(4, "little") + content


def refused(act, *arguments: object) -> CommandError:
    """Require that the admin API refuses; return the error."""
    try:
        act(*arguments)
    except CommandError as problem:
        return problem
    raise AssertionError("it was not refused")


def proofs_of(offer: bytes) -> tuple[Delegation, ...]:
    """Return the delegations in an offer."""
    return read_offer(offer, now=int(time.time())).proofs
