"""The receiving node dies at any moment (kill -9): what it acknowledged is there afterwards."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from blake3 import blake3

from support.dicom_files import IMPLICIT, SC
from support.killable_node import KillableNode
from support.practices import send_raw
from support.studies_on_disk import Instance, MadeStudy, blake3_of, make_study
from support.two_nodes import short_directory
from undisc_admin.errors import CommandError
from undisc_node.dicom.part10 import compose_part10

pytestmark = pytest.mark.integration

KILLS = 50
SENDERS = 3  # modalities that send at once, so that commits are shared
OF_A_STUDY = [[1, 2], [30, 250], [30, 250]]
"""Instances of a study of each sender: some begin all the time and some last for several rounds, so
that kills hit packs that are being made as well as packs that are appended to."""
FEWEST_QUEUED = 70


@pytest.fixture
def node() -> Iterator[KillableNode]:
    with short_directory() as directory:
        node = KillableNode(directory / "n", "Practice")
        node.init()
        try:
            yield node
        finally:
            node.stop()


class Modality:
    """Sends one study after the other by C-STORE, and remembers what it was told."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.title = f"CT{number}"
        self._number = number
        self._chance = chance
        self._made = 0
        self.queue: list[Instance] = []
        self.expected: dict[str, str] = {}  # of everything sent, acknowledged or not
        self.acknowledged: set[str] = set()
        self.study_of: dict[str, str] = {}
        self._thread: threading.Thread | None = None

    def begin(self, node: KillableNode) -> None:
        """Send in the background until the node dies or nothing is left."""
        while len(self.queue) < FEWEST_QUEUED:
            self.queue.extend(self._more())
        self._thread = threading.Thread(target=self._send, args=(node,))
        self._thread.start()

    def finish(self, node: KillableNode) -> None:
        """Send what is left."""
        self._send(node)

    def end(self) -> None:
        """Wait until the sender has noticed."""
        if self._thread is not None:
            self._thread.join()

    def _send(self, node: KillableNode) -> None:
        stored = send_raw(node, self.queue, calling=self.title)
        self.acknowledged |= {one.sop_uid for one in stored}
        self.queue = self.queue[len(stored) :]

    def _more(self) -> list[Instance]:
        self._made += 1
        sizes = [
            self._chance.choice([200, 5_000, 60_000, 130_000, 131_072, 600_000])
            for _ in range(self._chance.choice(OF_A_STUDY[self._number]))
        ]
        if len(sizes) > 20:
            sizes[self._chance.randrange(20)] = 2_500_000  # three chunks
        study = make_study(self._made, sizes, seed=self._number)
        for one in study.instances:
            self.expected[one.sop_uid] = blake3_of(self._file(one))
            self.study_of[one.sop_uid] = study.uid
        return list(study.instances)

    def _file(self, one: Instance) -> bytes:
        """Return the file that the node makes of what arrives."""
        head = compose_part10(
            sop_class=SC, sop_uid=one.sop_uid, transfer_syntax=IMPLICIT, calling_ae=self.title
        )
        return head + one.data_set


class Importer:
    """Runs `undisc studies import` on a folder, and remembers what it was told."""

    title = "import"

    def __init__(self, study: MadeStudy, folder: Path) -> None:
        self._folder = folder
        self._paths = study.write(folder)
        self._by_path = {
            str(path): one.sop_uid for path, one in zip(self._paths, study.instances, strict=True)
        }
        self.expected = study.hashes()
        self.study_of = dict.fromkeys(self.expected, study.uid)
        self.acknowledged: set[str] = set()
        self._thread: threading.Thread | None = None

    def begin(self, node: KillableNode) -> None:
        """Run the command in the background."""
        self._thread = threading.Thread(target=self.run, args=(node,))
        self._thread.start()

    def end(self) -> None:
        """Wait until the command has ended."""
        if self._thread is not None:
            self._thread.join()

    def run(self, node: KillableNode) -> int:
        """Import the whole folder, again and again the same; return the exit code."""
        answer = node.undisc("studies", "import", str(self._folder))
        for one in answer.body.get("files", []):
            if one["outcome"] in {"stored", "duplicate"}:
                self.acknowledged.add(self._by_path[one["path"]])
        return answer.exit_code


Source = Modality | Importer


def test_kill_9_at_any_moment_of_ingest(node, chance, capsys):
    """50 kills while three modalities send and an import runs, some while the node starts.

    After each restart: everything acknowledged is listed with the right hash; of what was not
    acknowledged, whatever is visible is whole; nothing lies about; the log verifies.
    """
    modalities = [Modality(number, chance) for number in range(SENDERS)]
    importer = Importer(make_study(1, [40_000] * 400, seed=99), node.directory / "disc")
    sources: list[Source] = [*modalities, importer]
    began, kills, in_start, last_size = time.monotonic(), 0, 0, 0
    while kills < KILLS:
        if chance.random() < 0.2:
            in_start += not node.start_doomed(chance.uniform(0.2, 1.5))
            kills += 1
            continue
        if kills % 10 == 0:
            leave_something(node)
        node.start()
        size = check(node, sources, chance)
        assert size >= last_size, "lines of the log are gone"
        last_size = size
        active = chance.sample(modalities, chance.randint(1, SENDERS))
        for one in [*active, importer] if chance.random() < 0.4 else active:
            one.begin(node)
        settler = threading.Timer(chance.uniform(0.0, 0.4), settle_something, [node, chance])
        settler.start()
        killer = threading.Timer(chance.uniform(0.02, 0.6), node.kill_now)
        killer.start()
        for thread in (killer, settler):
            thread.join()
        for source in sources:
            source.end()
        node.bury()
        kills += 1
    node.start()
    size = check(node, sources, chance)
    assert size >= last_size
    swept = node.log_path.read_text(encoding="utf-8").count("that a crash left unfinished")
    assert importer.run(node) == 0
    for modality in modalities:
        modality.finish(node)
        assert not modality.queue
    check(node, sources, chance)
    everything_is_there(node, sources)
    seconds = time.monotonic() - began
    acknowledged = sum(len(source.acknowledged) for source in sources)
    with capsys.disabled():
        print(
            f"\n  {kills} kills ({in_start} while starting) in {seconds:.0f} s; "
            f"{acknowledged} instances acknowledged, none lost; log of {size} lines verified; "
            f"unfinished packs swept after {swept} starts"
        )


def check(node: KillableNode, sources: list[Source], chance: random.Random) -> int:
    """See that a node holds what it acknowledged, and nothing by halves; return the log's size."""
    studies = {one["uid"]: one["id"] for one in node.studies()}
    held: dict[str, dict[str, str]] = {uid: node.hashes(found) for uid, found in studies.items()}
    doubtful: list[tuple[str, str, str]] = []
    for source in sources:
        for sop_uid in source.acknowledged:
            study = held.get(source.study_of[sop_uid], {})
            assert study.get(sop_uid) == source.expected[sop_uid], (source.title, sop_uid)
    known = {uid: hash_ for source in sources for uid, hash_ in source.expected.items()}
    told = {uid for source in sources for uid in source.acknowledged}
    for study_uid, instances in held.items():
        for sop_uid, listed in instances.items():
            assert known[sop_uid] == listed
            if sop_uid not in told:
                doubtful.append((studies[study_uid], sop_uid, listed))
    assert all(held.values()), "a study without instances is visible"
    # Not acknowledged and yet visible: at most what was on its way, and whole.
    for study, sop_uid, listed in chance.sample(doubtful, min(3, len(doubtful))):
        assert read_back(node, study, sop_uid) == listed
    assert node.leftovers() == []
    return node.check_log()


def leave_something(node: KillableNode) -> None:
    """Put into a stopped node's home what a crash can leave: unfinished packs and an upload."""
    with closing(sqlite3.connect(node.home / "keyring.sqlite3")) as keyring, keyring:
        for folder in ("packs", "staging"):
            pack = os.urandom(16)
            (node.home / folder / pack.hex()).write_bytes(b"undiscP1")
            # A key is made before its file, and noted as finished only after the row.
            keyring.execute("INSERT INTO study_keys VALUES (?, zeroblob(72), 0)", (pack,))
    (node.home / "staging" / f"{os.urandom(16).hex()}.upload").write_bytes(b"half of an up")


def read_back(node: KillableNode, study: str, sop_uid: str) -> str:
    """Read one instance in full and hash it here."""
    found = next(one for one in node.instances(study) if one["sop_uid"] == sop_uid)
    into = node.directory / "read-back"
    with into.open("wb") as file:
        node.admin.download(f"studies/{study}/instances/{found['id']}/file", file)
    return blake3(into.read_bytes()).hexdigest()


def settle_something(node: KillableNode, chance: random.Random) -> None:
    """Settle a study if the node still lives, so that kills also hit the writing of an index."""
    try:
        if studies := node.studies():
            node.admin.post(f"studies/{chance.choice(studies)['id']}/settle")
    except CommandError:
        pass


def everything_is_there(node: KillableNode, sources: list[Source]) -> None:
    """Read every instance of every study in full and compare with what was sent."""
    expected: dict[str, dict[str, str]] = {}
    for source in sources:
        for sop_uid, study in source.study_of.items():
            expected.setdefault(study, {})[sop_uid] = source.expected[sop_uid]
    held = {one["uid"]: node.hashes_read_back(one["id"]) for one in node.studies()}
    assert held == expected
