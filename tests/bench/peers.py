"""What else moves files: curl from a static server, rsync over ssh, DCMTK's storescu."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.measure import Contender, Meter, Run
from bench.servers import Caddy, Server, Sshd, program
from bench.study import Slices


class Curl(Contender):
    """One file of the same size, downloaded to disk and synced."""

    durable = True

    def __init__(self, name: str, *, caddy: Caddy, tls: bool, file: Path, into: Path) -> None:
        self.name, self._caddy, self._into, self._file = name, caddy, into, file
        self._url = (
            f"https://localhost:{caddy.tls}/{file.name}"
            if tls
            else f"http://127.0.0.1:{caddy.plain}/{file.name}"
        )
        self._curl = program("curl")

    def run(self) -> Run:
        size = self._file.stat().st_size
        with Meter(size, sender=[self._caddy.pid]) as meter:
            meter.command(
                "sh",
                "-c",
                '"$1" -sSf --cacert "$2" -o "$3" "$4" && sync "$3"',  # coreutils: fsync of the file
                "sh",
                self._curl,
                str(self._caddy.authority),
                str(self._into),
                self._url,
                side="receiver",
            )
        assert self._into.stat().st_size == size
        return meter.run

    def clean(self) -> None:
        self._into.unlink()


class Rsync(Contender):
    """`rsync -a` of the files over ssh; nothing is synced to disk."""

    name = "rsync over ssh"
    durable = False

    def __init__(self, *, sshd: Sshd, slices: Slices, into: Path) -> None:
        self._sshd, self._slices, self._into = sshd, slices, into
        self._rsync = program("rsync")

    def run(self) -> Run:
        with Meter(self._slices.size, receiver=[self._sshd.pid]) as meter:
            meter.command(
                self._rsync,
                "-a",
                "-e",
                self._sshd.shell,
                f"{self._slices.folder}/",
                f"127.0.0.1:{self._into}/",
                side="sender",
            )
        assert len(list(self._into.iterdir())) == len(self._slices.paths)
        return meter.run

    def clean(self) -> None:
        shutil.rmtree(self._into)


# One program for each folder; `check` says whether all have done their work. A single one takes the
# place of the shell, so that its memory is what is measured; of several only the time is.
_ALL_AT_ONCE = """
title="$1" port="$2"; shift 2
[ $# -gt 1 ] || exec "$0" -aec "$title" 127.0.0.1 "$port" +sd "$1"
for part do "$0" -aec "$title" 127.0.0.1 "$port" +sd "$part" & done
wait
"""


class Storescu(Contender):
    """C-STORE of the files by DCMTK's storescu to whoever listens."""

    def __init__(
        self,
        name: str,
        *,
        slices: Slices,
        port: int,
        pid: int,
        durable: bool,
        env: dict[str, str] | None = None,
        title: str = "BENCH",
        associations: int = 1,
    ) -> None:
        self.name, self.durable = name, durable
        self._parts = slices.parts(associations)
        self._slices, self._port, self._pid, self._env = slices, port, pid, env
        self._title = title
        self._storescu = program("storescu")

    def run(self) -> Run:
        with Meter(self._slices.size, receiver=[self._pid]) as meter:
            meter.command(
                "sh",
                "-c",
                _ALL_AT_ONCE,
                self._storescu,
                self._title,
                str(self._port),
                *(str(part) for part in self._parts),
                side="sender",
                env=self._env,
            )
        self.check()
        return meter.run

    def check(self) -> None:
        """Make sure that everything has arrived."""


class Storescp(Storescu):
    """The same to DCMTK's storescp, which writes files and syncs nothing."""

    def __init__(self, name: str, *, server: Server, into: Path, **known) -> None:
        super().__init__(name, port=server.port, pid=server.pid, durable=False, **known)
        self._into = into

    def check(self) -> None:
        assert len(list(self._into.iterdir())) == len(self._slices.paths)

    def clean(self) -> None:
        for path in self._into.iterdir():
            path.unlink()


def storescp(
    folder: Path, port: int, env: dict[str, str] | None = None, *more: str
) -> tuple[Server, Path]:
    """Start a storescp; return it and where it writes."""
    into = folder / f"storescp-{port}"
    into.mkdir()
    argv = [program("storescp"), *more, "-aet", "BENCH", "-od", str(into), str(port)]
    return Server(argv, folder=folder, port=port, env=env), into
