"""`undisc-node doctor`: look at a node's home, settings, keys, disk and ports, and say what to do.

Every check is a function that returns findings; none changes anything. Those that need a running
node are answered by the node itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from undisc_node import config
from undisc_node.config import Found, Settings
from undisc_node.services.errors import ServiceError
from undisc_node.storage import home as homes
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import ProtocolError
from undisc_protocol.identity import read_identity
from undisc_protocol.keys import SignKey

_OLDEST_PYTHON = (3, 11)
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        name: Short name of the check.
        level: `ok`, `warn` or `fail`.
        sentence: What is the case.
        hint: What to do about it; empty when nothing.
    """

    name: str
    level: str
    sentence: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for JSON."""
        return {
            "name": self.name,
            "level": self.level,
            "sentence": self.sentence,
            "hint": self.hint,
        }


def examine(
    home: Path, environment: Mapping[str, str], overrides: Mapping[str, Found] | None = None
) -> list[Finding]:
    """Run every check that makes sense on this home.

    Args:
        home: The node's home.
        environment: The process environment.
        overrides: What `--set` gave.
    """
    findings = [_python()]
    try:
        settings = config.load(home, environment, overrides)
    except ServiceError as problem:
        return [*findings, Finding("settings", "fail", str(problem), problem.hint)]
    findings.append(Finding("settings", "ok", "the settings are readable, every key is known"))
    findings.extend(_value_files(environment))
    try:
        keys = homes.read_home(home)
    except ServiceError as problem:
        return [*findings, Finding("home", "fail", str(problem), problem.hint)]
    findings.append(Finding("home", "ok", f"a node lives at {home}"))
    for check in (_identity, _key_files, _kit, _demo):
        findings.extend(check(home, keys))
    running = _is_running(home)
    text = "the node is running" if running else "the node is not running"
    findings.append(Finding("running", "ok", text))
    findings.extend(_directories(home))
    findings.extend(_disk(settings))
    findings.extend(_addresses(settings))
    if not running:
        findings.extend(_ports(settings))
    return findings


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _python() -> Finding:
    version = sys.version_info[:2]
    text = _dotted(version)
    if version < _OLDEST_PYTHON:
        return Finding("python", "fail", f"Python {text} is too old", "use Python 3.11 or newer")
    return Finding("python", "ok", f"Python {text}")


def _value_files(environment: Mapping[str, str]) -> Iterator[Finding]:
    loose = config.loose_value_files(environment)
    if loose:
        yield Finding(
            "value files",
            "warn",
            f"other users can read the files that {', '.join(loose)} name",
            "chmod 600 those files, and let them belong to the node's user",
        )


def _identity(_home: Path, keys: homes.HomeKeys) -> Iterator[Finding]:
    try:
        identity = read_identity(keys.records)
    except ProtocolError as problem:
        yield Finding(
            "identity",
            "fail",
            f"the identity records cannot be read: {problem}",
            "restore the files identity-* from a backup",
        )
        return
    if SignKey.from_seed(keys.node_seed).did != identity.key:
        yield Finding(
            "identity",
            "fail",
            "the node key is not the one in the newest identity record",
            "restore the keys directory that belongs to this home",
        )
        return
    words = " ".join(fingerprint_words(identity.node_id))
    yield Finding("identity", "ok", f"node id: {words}")


def _key_files(home: Path, _keys: homes.HomeKeys) -> Iterator[Finding]:
    loose = homes.loose_key_files(home)
    if loose:
        yield Finding(
            "key files",
            "fail",
            f"other users can read {', '.join(loose)}",
            f"chmod 600 {home}/keys/*",
        )
    else:
        yield Finding("key files", "ok", "only their owner can read the key files")


def _kit(_home: Path, keys: homes.HomeKeys) -> Iterator[Finding]:
    if keys.kit_verified:
        yield Finding("recovery kit", "ok", "the recovery kit has been read back")
    else:
        yield Finding(
            "recovery kit",
            "warn",
            "the recovery kit has never been read back",
            "undisc-node kit verify FILE, then print it and keep it away from this machine",
        )


def _demo(_home: Path, keys: homes.HomeKeys) -> Iterator[Finding]:
    if keys.demo:
        yield Finding(
            "demo",
            "warn",
            "this node was made for demonstrations",
            "make a new node without --demo for real patients",
        )


def _is_running(home: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(home / "admin.sock"))
        except OSError:
            return False
        return True


def _directories(home: Path) -> Iterator[Finding]:
    for name in ("packs", "staging", "keys"):
        path = home / name
        if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
            yield Finding(
                name,
                "fail",
                f"{path} is missing, or this user cannot write to it",
                "run as the user who owns the node's home",
            )
            return
    yield Finding("directories", "ok", "every directory of the home can be written")


def _disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.home).free // _MIB
    if free <= settings.reserve_mib:
        yield Finding(
            "disk",
            "fail",
            f"{free} MiB are free; ingest stops at {settings.reserve_mib} MiB",
            "free some space, or move the home to a larger disk",
        )
    else:
        yield Finding("disk", "ok", f"{free} MiB are free")


def _addresses(settings: Settings) -> Iterator[Finding]:
    if not settings.public_urls:
        yield Finding(
            "addresses",
            "warn",
            "no public address is set, so other nodes cannot find this one by its card",
            'set public.urls in undisc.toml, such as ["https://images.example.org"]',
        )
    elif any(url.startswith("http://") for url in settings.public_urls):
        yield Finding(
            "addresses",
            "warn",
            "a public address uses http; content stays encrypted, but links in browsers need https",
            "put a TLS proxy in front, and use https:// addresses",
        )
    else:
        yield Finding("addresses", "ok", f"public addresses: {' '.join(settings.public_urls)}")
    if not settings.dicom_senders:
        yield Finding(
            "senders",
            "warn",
            "no DICOM sender is listed, so no modality can send",
            "add [[dicom.senders]] with name and address to undisc.toml",
        )
    else:
        yield Finding("senders", "ok", f"{len(settings.dicom_senders)} DICOM senders are listed")


def _ports(settings: Settings) -> Iterator[Finding]:
    listeners: list[tuple[str, str, int]] = [
        ("public port", settings.public_host, settings.public_port),
        ("internal port", settings.internal_host, settings.internal_port),
        ("dicom port", settings.dicom_host, settings.dicom_port),
    ]
    for name, host, port in listeners:
        yield _port(name, host, port)


def _port(name: str, host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return Finding(
                name,
                "fail",
                f"cannot listen on {host}:{port}: {problem.strerror}",
                "another program uses the port; stop it or choose another in undisc.toml",
            )
    return Finding(name, "ok", f"{host}:{port} is free")
