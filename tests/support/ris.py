"""A RIS for tests: an MLLP client over a socket, and DCMTK's worklist."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from support.dcmtk import dcmtk
from support.two_nodes import RunningNode

_SECONDS = 20.0  # for an answer, or for a program to listen


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Ris:
    """A connection of a RIS to an MLLP port; knows nothing of our code.

    Args:
        port: TCP port on this machine.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = _connected(port)

    def send(self, message: bytes) -> tuple[str, str]:
        """Send a message; return MSA-1 and MSA-2 of its answer."""
        self._socket.sendall(b"\x0b" + message + b"\x1c\r")
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            piece = self._socket.recv(65_536)
            assert piece, f"no answer: {answer!r}"
            answer += piece
        found = re.search(rb"\rMSA\|(\w+)\|([^\r|]*)", answer)
        assert answer.startswith(b"\x0bMSH|"), answer
        assert found, answer
        return found[1].decode(), found[2].decode()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def _connected(port: int) -> socket.socket:
    """Connect to a program that may not listen yet."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.05)  # another program tells nobody when it listens


def with_hl7(node: RunningNode) -> int:
    """Give a node that is not started an HL7 port; return it."""
    port = free_port()
    more = f'\n[hl7]\nhost = "127.0.0.1"\nport = {port}\nsenders = ["127.0.0.1"]\n'
    path = node.home / "undisc.toml"
    path.write_text(path.read_text() + more)
    return port


STEP = """
(0008,0005) CS ISO_IR 100
(0008,0050) SH {accession}
(0008,0090) PN Roth^Rita
(0010,0010) PN {name}
(0010,0020) LO {patient}
(0010,0030) DA 19700102
(0010,0040) CS F
(0020,000d) UI 1.2.826.0.1.{number}
(0032,1032) PN Weiss^Anna
(0032,1060) LO CT of the head
(0040,1001) SH RP-{number}
(0040,0100) SQ
(fffe,e000) -
(0008,0060) CS CT
(0040,0001) AE CT1
(0040,0002) DA {day}
(0040,0003) TM 10{number:02}00
(0040,0007) LO CT head plain
(0040,0009) SH SPS-{number}
(fffe,e00d) -
(fffe,e0dd) -
"""


def put_step(folder: Path, number: int, **changes: object) -> None:
    """Put a step into the folder of a worklist, with DCMTK's own compiler."""
    said = {
        "accession": f"A-{number}",
        "name": "Müller^Änne",
        "patient": f"P-{number}",
        "day": "20261124",
        "number": number,
    }
    text = folder.parent / f"step-{number}.dump"
    text.write_bytes(STEP.format(**(said | changes)).encode("latin-1"))
    subprocess.run(
        [dcmtk("dump2dcm"), str(text), str(folder / f"step-{number}.wl")],
        check=True,
        capture_output=True,
    )


@contextmanager
def worklist(directory: Path, title: str = "WORKLIST") -> Iterator[tuple[int, Path]]:
    """Run DCMTK's wlmscpfs; yield its port and the folder of its steps."""
    folder = directory / title
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    port = free_port()
    with subprocess.Popen(
        [dcmtk("wlmscpfs"), "--data-files-path", str(directory), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as program:
        try:
            _connected(port).close()
            yield port, folder
        finally:
            program.terminate()
            program.wait(_SECONDS)
