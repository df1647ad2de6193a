"""Checks of the process: how it is run, and what it takes."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Final

from undisc_node.checks.finding import Finding, ok, skip, warn
from undisc_node.checks.scene import Scene

_MUCH_MIB: Final = 1_024  # a node keeps below 200 whatever it moves
_SECONDS: Final = 1.0


def memory(scene: Scene) -> Finding:
    """Look how much memory the running node has."""
    process = _process(scene)
    if process is None:
        return skip("the node is not running, or its process cannot be seen")
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return skip("the node's process cannot be seen")
    lines = [line for line in text.splitlines() if line.startswith("VmRSS:")]
    if not lines:
        return skip("the system does not say how much memory the node has")
    mib = int(lines[0].split()[1]) // 1024
    if mib > _MUCH_MIB:
        return warn(f"the node has {mib} MiB of memory", "restart it, and report this: it is a bug")
    return ok(f"the node has {mib} MiB of memory")


def user(scene: Scene) -> Finding:
    """Look whether the node runs with more rights than it needs."""
    process = _process(scene)
    owner = os.geteuid() if process is None else Path(f"/proc/{process}").stat().st_uid
    if owner == 0:
        return warn(
            "the node runs as root" if process else "this command runs as root",
            "use a user of its own: docs/howto/run-as-a-service.md, or the image in docker/",
        )
    return ok("no part of the node runs as root")


def manager(scene: Scene) -> Finding:
    """Look what starts the node again after a crash or a reboot."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return ok("this is a container: let it restart unless stopped, and mount the home")
    process = _process(scene)
    if process is None:
        return skip("the node is not running")
    try:
        group = Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return skip("the node's process cannot be seen")
    if ".service" in group:
        return ok("a service manager looks after the node")
    return warn(
        "nothing starts the node again after a crash or a reboot",
        "run it as a service: docs/howto/run-as-a-service.md",
    )


def _process(scene: Scene) -> int | None:
    """Return the number of the process behind the admin socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_SECONDS)
        try:
            probe.connect(str(scene.home / "admin.sock"))
            layout = struct.Struct("3i")  # unix(7): pid, uid, gid
            raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size)
        except OSError:
            return None
    return int(layout.unpack(raw)[0]) or None
