"""Two real nodes in processes of their own come to trust each other through the real commands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.two_nodes import RunningNode, running, settings
from undisc_protocol.invitation import PREFIX, Invitation, read_invitation, write_invitation

pytestmark = pytest.mark.integration
_SECONDS = 60


class Talk:
    """A running `undisc` command whose questions a test answers."""

    def __init__(self, node: RunningNode, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [_program("undisc"), "--home", str(node.home), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        assert self._process.stdin is not None
        self._stdout, self._stderr = self._process.stdout, self._process.stderr
        self._stdin = self._process.stdin
        self.told = ""

    def line(self) -> str:
        """Return the next line of the answer."""
        return self._stdout.readline().strip()

    def until(self, text: str) -> str:
        """Read what the person is told until a text comes; return all of it."""
        while text not in self.told:
            character = self._stderr.read(1)
            assert character, f"it ended without saying {text!r}: {self.told}"
            self.told += character
        return self.told

    def words(self) -> str:
        """Wait for the question about the words; return them."""
        return " ".join(re.findall(r"\d ([a-z]+)", self.until("[y/N]")))

    def type(self, text: str) -> None:
        """Answer a question."""
        self._stdin.write(text + "\n")
        self._stdin.flush()

    def end(self) -> int:
        """Wait for its end; return the exit code."""
        self.told += self._process.communicate(timeout=_SECONDS)[1]
        return self._process.returncode


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def undisc(node: RunningNode, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_program("undisc"), "--home", str(node.home), *arguments],
        input=typed,
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


def trusted(node: RunningNode) -> dict[str, list[str]]:
    """What each trusted peer of a node may do, by name."""
    peers = node.admin.get("peers").parts("peers")
    return {
        one.text("name"): list(one.texts("scopes"))
        for one in peers
        if one.text("state") == "trusted"
    }


@pytest.fixture(scope="module")
def practices() -> Iterator[list[RunningNode]]:
    """Two nodes that do not know each other; the second one is hidden: it has no address."""
    with running("Lakeside Imaging", "Riverside Radiology") as nodes:
        _, riverside = nodes
        riverside.stop()
        settings(riverside, public__urls="[]")
        riverside.start()
        yield nodes


def test_invited_on_one_terminal_accepted_on_the_other_and_compared(practices):
    """The one who accepts is hidden; everything goes over its own connections."""
    lakeside, riverside = practices
    invite = Talk(lakeside, "peers", "invite", "--scope", "fetch")
    text = invite.line()
    assert text.startswith(PREFIX)
    accept = Talk(riverside, "peers", "accept")
    accept.type(text)
    words = accept.words()
    assert len(words.split()) == 4
    assert invite.words() == words
    accept.type("y")
    accept.until("waiting until")
    assert trusted(lakeside) == trusted(riverside) == {}
    invite.type("y")
    assert (invite.end(), accept.end()) == (0, 0)
    assert trusted(lakeside) == {"Riverside Radiology": ["fetch"]}
    assert trusted(riverside) == {"Lakeside Imaging": ["fetch", "offer"]}
    again = undisc(riverside, "peers", "accept", "-", typed=text)
    assert again.returncode == 4
    assert "used here already" in again.stderr
    for node in practices:
        assert text not in node.log_path.read_text("utf-8")
        assert text.removeprefix(PREFIX)[:60] not in json.dumps(node.events())


def test_a_script_invites_and_confirms_in_two_steps_across_a_kill(practices):
    lakeside, riverside = practices
    made = json.loads(undisc(lakeside, "peers", "invite", "--json").stdout)
    taken = undisc(riverside, "peers", "accept", "-", "--json", typed=made["invitation"])
    pairing = json.loads(taken.stdout)["pairing"]
    words = " ".join(pairing["words"])
    done = undisc(riverside, "peers", "pairings", "confirm", pairing["id"], "--expect", words)
    assert "as soon as the other side confirms" in done.stderr
    riverside.kill()
    done = undisc(
        lakeside, "peers", "pairings", "confirm", made["pairing"]["id"], "--expect", words
    )
    assert "is trusted" in done.stderr, done.stderr
    riverside.start()
    (row,) = [
        one
        for one in riverside.admin.get("pairings").parts("pairings")
        if one.text("id") == pairing["id"]
    ]
    while row.text("state") == "confirmed":
        row = riverside.admin.get(f"pairings/{pairing['id']}").part("pairing")
    assert row.text("state") == "trusted"


def test_files_are_carried_between_nodes_that_do_not_reach_each_other(practices, tmp_path):
    lakeside, riverside = practices
    there, back = tmp_path / "there.undisc-pairing", tmp_path / "there-answer.undisc-pairing"
    assert undisc(lakeside, "peers", "invite", "--file", str(there)).returncode == 0
    accept = Talk(riverside, "peers", "accept", str(there))
    words = accept.words()
    answer = Talk(lakeside, "peers", "accept", str(back))
    assert answer.words() == words
    assert len(words.split()) == 8
    for one in (accept, answer):
        one.type("y")
        assert one.end() == 0
        assert "is trusted" in one.told


# --- Somebody between -----------------------------------------------------------------------------


class _Relay(BaseHTTPRequestHandler):
    """Passes everything on, between two nodes, as it is."""

    def do_POST(self) -> None:
        server: _RelayServer = self.server  # type: ignore[assignment]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply = server.through(self.path, body)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _RelayServer(ThreadingHTTPServer):
    def __init__(self, through) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.through = through
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def relaying(through) -> Iterator[_RelayServer]:
    server = _RelayServer(through)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_relay_that_swaps_records_is_seen_in_the_words(practices):
    """The attacker runs a whole node; each side pairs with it while the names look right."""
    lakeside, riverside = practices
    with running("Lakeside Imaging") as (mallory,):
        made = json.loads(undisc(lakeside, "peers", "invite", "--json").stdout)
        seen = read_invitation(made["invitation"])
        theirs = undisc(mallory, "peers", "accept", "-", "--json", typed=made["invitation"])
        assert json.loads(theirs.stdout)["pairing"]["name"] == "Lakeside Imaging"
        bait = json.loads(undisc(mallory, "peers", "invite", "--json").stdout)["invitation"]
        taken = undisc(riverside, "peers", "accept", "-", "--json", typed=bait)
        there = json.loads(taken.stdout)["pairing"]
        here = lakeside.admin.get(f"pairings/{made['pairing']['id']}").part("pairing")
        assert there["name"] == "Lakeside Imaging"
        assert there["words"] != list(here.texts("words"))

        # Without an invitation of his own, under the node id of the true one, he is refused.
        another = json.loads(undisc(mallory, "peers", "invite", "--json").stdout)["invitation"]
        own = read_invitation(another)
        forged = write_invitation(Invitation(seen.node_id, own.urls, own.token, own.expires))
        refused = undisc(riverside, "peers", "accept", "-", typed=forged)
        assert refused.returncode != 0
        assert "another node answered" in refused.stderr


def test_a_relay_without_the_invitation_can_only_be_in_the_way(practices):
    """It changes a bit of what passes: the guest gives the try up, and nothing is trusted."""
    lakeside, riverside = practices
    made = json.loads(undisc(lakeside, "peers", "invite", "--json").stdout)
    seen = read_invitation(made["invitation"])

    def through(_path: str, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 1])

    with relaying(through) as relay:
        led = write_invitation(Invitation(seen.node_id, (relay.url,), seen.token, seen.expires))
        refused = undisc(riverside, "peers", "accept", "-", typed=led)
    assert refused.returncode != 0
    assert "do not open" in refused.stderr


def test_nodes_on_one_network_see_each_other_and_trust_nobody_for_it():
    """Two real nodes announce themselves on the loopback; one of them looks around."""
    with running("Announced One", "Announced Two") as nodes:
        for node in nodes:
            node.stop()
            with (node.home / "undisc.toml").open("a", encoding="utf-8") as file:
                file.write('\n[discovery]\nannounce = true\ninterfaces = ["127.0.0.1"]\n')
            node.start()
        one, two = nodes
        done = undisc(one, "peers", "discover", "--seconds", "4", "--json")
        seen = {each["name"]: each for each in json.loads(done.stdout)["discovered"]}
        assert seen["Announced One"]["claims_own"]
        assert seen["Announced Two"]["url"] == two.url
        assert not one.admin.get("peers").parts("peers")
        shown = undisc(one, "peers", "discover").stdout
        assert "Announced Two" in shown
        assert "Announced One" not in shown
