"""The home of a practice as one release leaves it, for the releases that come after.

    PYTHONPATH=tests .venv/bin/python -m support.release_home tests/data/homes

with the release's own undisc writes `<version>.tar.gz`. In it: `home/` of a practice that has done
a bit of everything, its recovery kit, and `facts.json` with what the release itself said about that
home at the end. All of it is synthetic. Keys are drawn at random, so two runs differ in bytes.
"""

from __future__ import annotations

import base64
import io
import json
import secrets
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from support.hostile_peer import HostileNode, now
from support.killable_node import KillableNode
from support.studies_on_disk import make_study
from support.two_nodes import befriend, proofs_of, settings, short_directory
from undisc_protocol.capability.delegation import read_delegation, sign_share

DAYS = 399  # of the grants that stay; the longest there is
_HOMES = Path(__file__).parent.parent / "data" / "homes"


def unpack(release: str, into: Path) -> dict[str, Any]:
    """Unpack the home of a release below a directory; return its facts."""
    with tarfile.open(_HOMES / f"{release}.tar.gz") as archive:
        archive.extractall(into, filter="data")
    facts: dict[str, Any] = json.loads((into / "facts.json").read_text(encoding="utf-8"))
    return facts


def releases() -> list[str]:
    """List the releases that have left a home."""
    return sorted(path.name.removesuffix(".tar.gz") for path in _HOMES.glob("*.tar.gz"))


class Life:
    """What happens at the practice before its home is packed up."""

    def __init__(self, directory: Path) -> None:
        self.a = KillableNode(directory / "a", "Practice A")
        self.b = KillableNode(directory / "b", "Practice B")
        self.seed = secrets.token_bytes(32)
        self.friend = HostileNode("Friend", seed=self.seed)

    def live(self) -> dict[str, Any]:
        """Let it all happen; return what must still be true after an upgrade."""
        try:
            return self._live()
        finally:
            self.a.stop()
            self.b.stop()

    def _live(self) -> dict[str, Any]:
        for node in (self.a, self.b):
            node.init()
        settings(self.a, ingest__reserve_mib="64\nsettle_seconds = 86400")
        for node in (self.a, self.b):
            node.start()
        befriend(self.a, self.b)
        with self.friend.served():
            self.a.add_peer(self.friend.url)
        settled = self._hold(self.a, 1, [2_000, 3_000, 500])
        self._import(self.a, 2, [900, 900])
        self._cross(settled)
        kept = self._grants(settled)
        for number, sizes in ((1, [2_000, 3_000, 500]), (3, [1_200])):
            # Of study 1 a correction by the same sender; of B's study another sender's version,
            # which waits.
            file = make_study(number, sizes, seed=7).instances[0].file
            self.a.import_bytes(file[:-1] + bytes([file[-1] ^ 1]))
        self.a.admin.post(f"studies/{settled}/settle")
        self.a.stop()
        self.a.start()  # a second start in the log
        return self._facts() | kept

    def _import(self, node: KillableNode, number: int, sizes: list[int]) -> str:
        made = make_study(number, sizes, seed=7)
        for one in made.instances:
            node.import_bytes(one.file)
        return node.admin.get(f"studies/{made.uid}").part("study").text("id")

    def _hold(self, node: KillableNode, number: int, sizes: list[int]) -> str:
        study = self._import(node, number, sizes)
        node.admin.post(f"studies/{study}/settle")
        return study

    def _cross(self, study: str) -> None:
        """One study goes to B, one comes from there."""
        _, offer = self.a.grant(study, "Practice B", days=DAYS)
        assert self.b.fetch(offer)["state"] == "done"
        there = self._hold(self.b, 3, [1_200])
        _, offer = self.b.grant(there, "Practice A")
        assert self.a.fetch(offer)["state"] == "done"

    def _grants(self, study: str) -> dict[str, Any]:
        """Give and take back, to the friend; return the offers and chains."""
        _, active = self.a.grant(study, self.friend.id, days=DAYS)
        revoked, offer = self.a.grant(study, self.friend.id, days=DAYS)
        self.a.admin.post(f"grants/{revoked}/revoke")
        _, key, token = self.a.link_grant(study, days=DAYS)
        grant = read_delegation(token)
        shares = [
            sign_share(
                key,
                audience=self.friend.key.did,
                subject=grant.subject,
                study=grant.policy.study,
                command="/img/read",
                nonce=secrets.token_bytes(12),
                not_before=now(),
                expires=grant.expires,
            )
            for _ in range(2)
        ]
        taken_back = [self.a.register_share(share)[0] for share in shares][1]
        self.a.admin.post(f"shares/{taken_back}/revoke")
        return {
            "friend": {"seed": self.seed.hex(), "record": _text(self.friend.identity.records[0])},
            "active": [_text(proof.raw) for proof in proofs_of(active)],
            "revoked": [_text(proof.raw) for proof in proofs_of(offer)],
            "revoked_share": [_text(token), _text(shares[1])],
        }

    def _facts(self) -> dict[str, Any]:
        """Say what the release says about its home."""
        studies = self.a.studies()
        verified = self.a.admin.post("log/verify").raw
        return {
            "version": version("undisc"),
            "node_id": self.a.node_id,
            "studies": studies,
            "instances": {one["id"]: self.a.hashes_read_back(one["id"]) for one in studies},
            "grants": _listed(self.a, "grants"),
            "shares": _listed(self.a, "shares"),
            "peers": _listed(self.a, "peers"),
            "fetches": _listed(self.a, "fetches"),
            "receipts": self.a.rows("catalog", "SELECT count(*) FROM receipts")[0][0],
            "events": [line["type"] for line in self.a.events()],
            "log": {name: verified[name] for name in ("size", "root")},
        }


def _listed(node: KillableNode, what: str) -> list[dict[str, Any]]:
    return list(node.admin.get(what, {"limit": 1000}).raw[what])


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def make(folder: Path) -> Path:
    """Make the archive of this very release; return its path."""
    path = folder / f"{version('undisc')}.tar.gz"
    with short_directory() as directory:
        life = Life(directory)
        facts = json.dumps(life.live(), indent=1, sort_keys=True).encode()
        with tarfile.open(path, "w:gz") as archive:
            member = _plain(tarfile.TarInfo("facts.json"))
            member.size = len(facts)
            archive.addfile(member, io.BytesIO(facts))
            for name in ("home", "recovery-kit.txt", "kit-passphrase"):
                archive.add(life.a.directory / name, name, filter=_plain)
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
