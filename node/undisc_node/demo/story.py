"""The story that `make demo` tells: from the scanner to another practice, and back under control.

Two nodes run in processes of their own and are driven only by the commands that administrators use.
Every claim in the last line is computed from what the nodes answer, never from what this program
believes; a test breaks each of them and sees `false`.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from undisc_node.demo.images import volume_wheel
from undisc_node.demo.nodes import NodeProcess
from undisc_node.demo.patient import Patient, Told
from undisc_node.dicom.demo_study import make_demo_study
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.scu import send_files
from undisc_node.dicom.sources import FileSource
from undisc_node.services.errors import ServiceError, Unavailable
from undisc_protocol.pack import FRAME_HEAD, PACK_HEAD, read_frame_head

FEWEST_INSTANCES = 20
_REASON = ["--basis", "operator", "--staff", "Demo Administrator", "--purpose", "demonstration"]


def data_set(path: Path) -> bytes:
    """Return a file's data set: everything after the file meta information (PS3.10 §7.1)."""
    return path.read_bytes()[split_part10(FileSource(path)) :]


class Story:
    """Two practices and one study.

    Args:
        directory: Where everything is kept.
        say: Called with each line for the reader.
    """

    def __init__(self, directory: Path, say: Callable[[str], object]) -> None:
        self._directory = directory
        self._say = say
        self._step = 0
        self.a = NodeProcess(directory / "a", "Practice A")
        self.b = NodeProcess(directory / "b", "Practice B")
        self.told: Told | None = None

    def step(self, text: str) -> None:
        """Tell the next step."""
        self._step += 1
        self._say(f"{self._step:>2}  {text}")

    def play(self) -> dict[str, Any]:
        """Play the whole story and return what is in its last line."""
        self.set_up()
        files = self.images(0)
        study = self.send(files)
        link = self._directory / "patient-link"
        offer = self._directory / "study.undisc-offer"
        share = self.share(study, link, offer)
        fetched = self.fetch(offer)
        local = fetched.get("study") or ""
        self.step(
            "compare: every instance at both nodes, and what left the scanner with what arrived"
        )
        identical = self.identical(study, local, files)
        self.revoke(share)
        revoked = self.refused(offer, "revoked")
        second = self.images(1)
        other = self.send(second)
        self.tamper(other)
        other_offer = self._directory / "second.undisc-offer"
        self.grant(other, other_offer)
        tampered = self.refused(other_offer, "tampered") and not self.holds(self.b, other)
        instances = self.instances(self.b, local)
        self.told = Patient(self._directory, self.a, self.b, self.step).play()
        return {
            "instances": len(instances),
            "bytes": sum(one["bytes"] for one in instances),
            "identical": identical,
            "fetched_mb_s": fetched.get("mb_per_s", 0),
            "revoked_then_refused": revoked,
            "tampered_then_refused": tampered,
            "offered_after_yes": self.told.offered,
        }

    # --- Scenes ---------------------------------------------------------------------------------

    def set_up(self) -> None:
        """Make two nodes, start them, and let them trust each other."""
        for node in (self.a, self.b):
            node.init()
            node.start()
            self.step(f"{node.name} runs its own node at {node.url}")
        for node, other in ((self.a, self.b), (self.b, self.a)):
            shown = other.ask("status")
            node.ask("peers", "add", other.url, "--expect-id", shown["node_id"])
            words = " ".join(shown["words"][:4])
            self.step(f"{node.name} trusts {other.name}, after comparing its words: {words} …")

    def images(self, variant: int) -> Sequence[Path]:
        """Make DICOM files of real images."""
        files = make_demo_study(
            volume_wheel(), self._directory / f"scanner-{variant}", variant=variant
        )
        self.step(f"a scanner makes {len(files)} slices of a real brain volume (MNI152 average)")
        return files

    def send(self, files: Sequence[Path]) -> str:
        """Send files to A by C-STORE; return the id of the study they became."""
        known = {one["id"] for one in self.a.ask("studies", "list")["studies"]}
        began = time.monotonic()
        for path, status in send_files(
            "127.0.0.1", self.a.dicom_port, "SCANNER", "UNDISC", list(files)
        ):
            if status != 0:
                raise Unavailable(f"the node refused {path.name} with status {status:#06x}")
        seconds = time.monotonic() - began
        studies = self.a.ask("studies", "list")["studies"]
        study: str = next(one["id"] for one in studies if one["id"] not in known)
        self.a.ask("studies", "settle", study)
        size = sum(path.stat().st_size for path in files) / 1e6
        self.step(
            f"the scanner sends them to {self.a.name} by DICOM: {size:.1f} MB, "
            f"each acknowledged once durable, in {seconds:.1f} s"
        )
        return study

    def share(self, study: str, link: Path, offer: Path) -> str:
        """Let the patient's link share the study with B; return the share's id."""
        self.a.ask("grants", "create", study, "--to-link", "--link-file", str(link), *_REASON)
        self.step("the patient's link gets a grant; its secret is a key that no node keeps")
        made = self.a.ask(
            "shares", "create", study, "--link-file", str(link), "--to", self.b.name,
            "--out", str(offer),
        )  # fmt: skip
        self.step(f"the patient's key signs a share for {self.b.name}, and nobody else")
        identifier: str = made["share"]["id"]
        return identifier

    def grant(self, study: str, offer: Path) -> None:
        """Let A grant a study to B directly."""
        self.a.ask("grants", "create", study, "--to", self.b.name, "--out", str(offer), *_REASON)
        self.step(f"{self.a.name} grants a second study to {self.b.name}")

    def fetch(self, offer: Path) -> Mapping[str, Any]:
        """Let B fetch; return what B says of it."""
        fetch: Mapping[str, Any] = self.b.ask("fetch", str(offer))["fetch"]
        self.step(
            f"{self.b.name} fetches it directly, still encrypted, and checks every object: "
            f"{fetch['bytes_done'] / 1e6:.1f} MB at {fetch['mb_per_s']:.0f} MB/s; "
            f"receipt {fetch['receipt']}"
        )
        return fetch

    def revoke(self, share: str) -> None:
        """Let A revoke a share."""
        self.a.ask("shares", "revoke", share, "--yes")
        self.step("the share is revoked")

    def tamper(self, study: str) -> None:
        """Change one stored byte of A's newest pack, as a failing disk or an intruder would."""
        path = max((self.a.home / "packs").iterdir(), key=lambda one: one.stat().st_mtime_ns)
        with path.open("r+b") as pack:
            position = PACK_HEAD
            for _ in range(2):  # over the study header and the first object's header
                pack.seek(position)
                position += FRAME_HEAD + read_frame_head(pack.read(FRAME_HEAD)).length
            pack.seek(position)
            byte = pack.read(1)[0]
            pack.seek(position)
            pack.write(bytes([byte ^ 1]))
        self.step(f"somebody changes one byte of study {study[:8]} on {self.a.name}'s disk")

    # --- Claims ---------------------------------------------------------------------------------

    def instances(self, node: NodeProcess, study: str) -> Sequence[Mapping[str, Any]]:
        """Return a study's current instances as a node lists them."""
        if not study:
            return []
        listed: Sequence[Mapping[str, Any]] = node.ask("studies", "show", study)["instances"]
        return [one for one in listed if one["state"] == "current"]

    def identical(self, study: str, local: str, sent: Sequence[Path]) -> bool:
        """Tell whether both nodes hold the same bytes, and B what left the scanner."""
        here = {
            one["sop_uid"]: (one["blake3"], one["bytes"]) for one in self.instances(self.a, study)
        }
        there = {
            one["sop_uid"]: (one["blake3"], one["bytes"]) for one in self.instances(self.b, local)
        }
        if len(there) < FEWEST_INSTANCES or here != there:
            return False
        exported = self._directory / "exported"
        self.b.ask("studies", "export", local, str(exported))
        arrived = sorted(data_set(path) for path in exported.iterdir())
        return arrived == sorted(data_set(path) for path in sent)

    def refused(self, offer: Path, code: str) -> bool:
        """Let B fetch, and tell whether it was refused for this reason."""
        answer = self.b.undisc("fetch", str(offer))
        fetch = answer.body.get("fetch") or {}
        problem = fetch.get("problem") or answer.body.get("error") or {}
        refused = answer.exit_code != 0 and problem.get("code") == code
        said = problem.get("message", "nothing is wrong")
        self.step(f"{self.b.name} fetches: {'refused' if refused else 'NOT refused'}, {said}")
        return refused

    def holds(self, node: NodeProcess, study: str) -> bool:
        """Tell whether a node holds a study, by the UID it has at A."""
        uid = self.a.ask("studies", "show", study)["study"]["uid"]
        return any(one["uid"] == uid for one in node.ask("studies", "list")["studies"])

    def stop(self) -> None:
        """Stop both nodes."""
        for node in (self.a, self.b):
            node.stop()

    def leave_running(self) -> None:
        """Tell how to reach the nodes that keep running."""
        self._say("")
        for node in (self.a, self.b):
            self._say(f"{node.name}: {node.url}   undisc --home {node.home} status")
        if self.told is not None:
            desk = f"http://127.0.0.1:{self.a.internal_port}/desk/"
            self._say(f"the patient's link:        {self.told.link}   PIN {self.told.pin}")
            self._say(f"the desk of {self.a.name}:    {desk}   desk, {self.told.password}")
        self._say(f"send it a file of yours:   storescu -v 127.0.0.1 {self.a.dicom_port} FILE.dcm")
        self._say(f"stop both:                 kill {self.a.pid} {self.b.pid}")
        self._say(f"everything is in {self._directory}")
        self._say("")


def succeeded(result: Mapping[str, Any]) -> bool:
    """Tell whether every claim of the last line holds."""
    claims = ("identical", "revoked_then_refused", "tampered_then_refused", "offered_after_yes")
    return result["instances"] >= FEWEST_INSTANCES and all(result[claim] for claim in claims)


def run(directory: Path | None, *, keep: bool, say: Callable[[str], object]) -> int:
    """Play the story; return the exit code.

    Args:
        directory: Where to work; a temporary directory, removed afterwards, if None.
        keep: Leave both nodes and the directory for the reader.
        say: Called with each line.
    """
    if directory is None and not keep:
        with tempfile.TemporaryDirectory(prefix="undisc-demo-") as temporary:
            return _run(Path(temporary), keep=False, say=say)
    return _run(directory or Path(tempfile.mkdtemp(prefix="undisc-demo-")), keep=keep, say=say)


def _run(directory: Path, *, keep: bool, say: Callable[[str], object]) -> int:
    story = Story(directory, say)
    try:
        result = story.play()
    except (ServiceError, OSError) as problem:
        story.stop()
        say(f"error: {problem}")
        return 1
    except BaseException:  # Ctrl-C, or a mistake of ours: no process is left behind
        story.stop()
        raise
    if keep:
        story.leave_running()
    else:
        story.stop()
    say(json.dumps(result))
    return 0 if succeeded(result) else 1
