"""Programs of others that the benchmark starts, and ends again by their process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bench.measure import LeftOut
from undisc_node.demo.nodes import free_port

START_SECONDS = 30
STOP_SECONDS = 20
NODELAY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
static void set(int s) { int one = 1; setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); }
int connect(int s, const struct sockaddr *to, socklen_t n) {
    int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    set(s);
    return next(s, to, n);
}
int accept(int s, struct sockaddr *from, socklen_t *n) {
    int (*next)(int, struct sockaddr *, socklen_t *) = dlsym(RTLD_NEXT, "accept");
    int made = next(s, from, n);
    if (made >= 0) set(made);
    return made;
}
"""
"""Debian's DCMTK leaves Nagle's algorithm on and then waits 40 ms for each image on loopback."""


def program(*names: str) -> str:
    """Return the path of a program that has one of these names.

    Raises:
        LeftOut: It is not installed.
    """
    # Our environment comes last: pynetdicom has a storescu of its own, which is not DCMTK's.
    own = str(Path(sys.executable).parent)
    places = [place for place in os.environ["PATH"].split(os.pathsep) if place != own]
    places += ["/usr/sbin", "/usr/local/sbin", own]
    for name in names:
        if found := shutil.which(name, path=os.pathsep.join(places)):
            return found
    raise LeftOut(f"{names[0]} is not installed")


def nodelay(folder: Path) -> dict[str, str]:
    """Return the environment in which a program sends small packets at once.

    Raises:
        LeftOut: There is no C compiler, or it fails.
    """
    library, source = folder / "nodelay.so", folder / "nodelay.c"
    if not library.exists():
        source.write_text(NODELAY, "ascii")
        argv = [program("cc", "gcc"), "-shared", "-fPIC", "-O1", "-o"]
        argv += [str(library), str(source), "-ldl"]
        if subprocess.run(argv, check=False, capture_output=True).returncode:
            raise LeftOut("the C compiler cannot build the TCP_NODELAY shim")
    return {"LD_PRELOAD": str(library)}


class Server:
    """One program in the background.

    Args:
        argv: The program and its arguments.
        folder: Where its log goes.
        port: The TCP port of the loopback address on which it must answer.
        env: Added to the environment.
    """

    def __init__(
        self, argv: Sequence[str], *, folder: Path, port: int, env: dict[str, str] | None = None
    ) -> None:
        self.port = port
        log = folder / f"{Path(argv[0]).name}-{port}.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._answers(log))
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _answers(self, log: Path) -> bool:
        if self._process.poll() is not None:
            said = log.read_text("utf-8", "replace").strip().splitlines()
            raise LeftOut(f"{log.stem} ended at once: {said[-1] if said else 'silently'}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it, and wait until it has gone."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_until(there: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Look until something is true.

    Raises:
        LeftOut: It does not become so in time.
    """
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            raise LeftOut(f"nothing happened within {seconds:.0f} s")
        time.sleep(0.02)


class Caddy:
    """Caddy as a static file server, and as the TLS front that undisc's documentation names.

    Args:
        folder: For its files.
        root: What the file server gives out.
        behind: Port of the node that it stands before.
    """

    def __init__(self, folder: Path, *, root: Path, behind: int) -> None:
        self.plain, self.tls, self.front = free_port(), free_port(), free_port()
        folder.mkdir()
        certificates = folder / "storage"
        (folder / "Caddyfile").write_text(
            "{\n admin off\n auto_https disable_redirects\n skip_install_trust\n"
            f" default_bind 127.0.0.1\n http_port {self.plain}\n"
            f' storage file_system "{certificates}"\n}}\n'
            f'http://127.0.0.1:{self.plain} {{\n root * "{root}"\n file_server\n}}\n'
            f'https://localhost:{self.tls} {{\n tls internal\n root * "{root}"\n file_server\n}}\n'
            f"https://localhost:{self.front} {{\n tls internal\n"
            f" reverse_proxy 127.0.0.1:{behind}\n}}\n",
            "utf-8",
        )
        argv = [program("caddy"), "run", "--adapter", "caddyfile", "--config"]
        self.authority = certificates / "pki" / "authorities" / "local" / "root.crt"
        self._server = Server(
            [*argv, str(folder / "Caddyfile")],
            folder=folder,
            port=self.front,
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder)},
        )
        try:
            wait_until(self.authority.exists)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._server.pid

    def stop(self) -> None:
        """End it."""
        self._server.stop()


class Sshd:
    """An SSH server of our own on the loopback address, with keys that end with it."""

    def __init__(self, folder: Path) -> None:
        keygen, sshd = program("ssh-keygen"), program("sshd")
        if os.geteuid() == 0:
            with suppress(OSError):
                Path("/run/sshd").mkdir(mode=0o755)  # where Debian's sshd separates privileges
        folder.mkdir()
        for name in ("host", "user"):
            subprocess.run(
                [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
            )
        port = free_port()
        (folder / "config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
            f"AuthorizedKeysFile {folder / 'user.pub'}\nStrictModes no\nUsePAM no\n"
            f"PidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n",
            "utf-8",
        )
        known = f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text('ascii')}"
        (folder / "known").write_text(known, "ascii")
        self._server = Server(
            [sshd, "-D", "-e", "-f", str(folder / "config")], folder=folder, port=port
        )
        self.shell = (
            f"{program('ssh')} -p {port} -i {folder / 'user'} -F none"
            f" -o UserKnownHostsFile={folder / 'known'} -o BatchMode=yes"
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._server.pid

    def stop(self) -> None:
        """End it."""
        self._server.stop()
