"""Writes the support bundle: one zip file of JSON that a person can read before sending it."""

from __future__ import annotations

import getpass
import io
import json
import os
import platform
import socket
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from undisc_node import checks, config
from undisc_node.checks.floors import FLOORS
from undisc_node.config import Found, Reading
from undisc_node.services.errors import Conflict, ServiceError
from undisc_node.storage.checking.reading import CATALOG_FILE, CatalogView
from undisc_node.storage.home import read_home, write_durably
from undisc_node.storage.summary import SQLITE_VERSION, newest_kinds, summarise
from undisc_node.support.redacting import Redactor
from undisc_protocol.did import fingerprint_words
from undisc_protocol.errors import ProtocolError
from undisc_protocol.identity import read_identity

CONTENTS: Final[Mapping[str, str]] = {
    "doctor.json": "what undisc-node doctor found",
    "settings.json": "every setting, and where it was set; secrets are never in it",
    "versions.json": "undisc, Python, libraries, SQLite, operating system",
    "databases.json": "rows by table, steps applied; nothing of what is in the rows",
    "files.json": "how many files the home has and how large they are",
    "events.json": "the newest lines of the log: what happened and when, not to whom",
}
_README: Final = """Support bundle of an undisc node

{contents}

Not in it: patients, images, keys, passphrases, texts of the log.
{names}
Look through it before you send it, and send it on a channel you trust. Lines of the service's own
log are not in it; add them if you are asked to: journalctl -u undisc
"""
_PLACEHOLDERS: Final = (
    "Names, addresses and URLs of this practice and of others are replaced by placeholders such\n"
    "as <sender-1>: the same name has the same placeholder in every file.\n"
)
_WITH_NAMES: Final = "Names, addresses and URLs of this practice and of others are in it.\n"


def write_bundle(
    path: Path,
    *,
    home: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, Found],
    with_names: bool,
) -> int:
    """Write a bundle, readable by its owner only.

    Args:
        path: Where; must not exist.
        home: The node's home.
        environment: The process environment.
        overrides: What `--set` gave.
        with_names: Leave names in.

    Returns:
        Its size in bytes.

    Raises:
        Conflict: The file exists.
        OSError: It cannot be written.
    """
    if path.exists():
        raise Conflict(f"{path} exists already", hint="choose another name for the bundle")
    redactor = Redactor(with_names=with_names)
    reading = _reading(home, environment, overrides)
    _learn(redactor, home, reading)
    parts = {
        "doctor.json": [one.as_json() for one in checks.examine(home, environment, overrides)],
        "settings.json": _settings(reading),
        "versions.json": _versions(),
        "databases.json": [asdict(one) for one in summarise(home)],
        "files.json": dict(_files(home)),
        "events.json": [asdict(one) for one in newest_kinds(home)],
    }
    gathered = io.BytesIO()
    with zipfile.ZipFile(gathered, "w", zipfile.ZIP_DEFLATED) as bundle:
        listed = "\n".join(f"{name:<15} {text}" for name, text in CONTENTS.items())
        names = _WITH_NAMES if with_names else _PLACEHOLDERS
        bundle.writestr("README.txt", _README.format(contents=listed, names=names))
        for name, value in parts.items():
            bundle.writestr(name, json.dumps(redactor.value(value), indent=1) + "\n")
    content = gathered.getvalue()
    write_durably(path.absolute(), content)
    return len(content)


def _reading(
    home: Path, environment: Mapping[str, str], overrides: Mapping[str, Found]
) -> Reading | None:
    try:
        return config.read(home, environment, overrides)
    except ServiceError:
        return None  # the doctor says what is wrong


def _settings(reading: Reading | None) -> Any:
    if reading is None:
        return "the settings cannot be read"
    return {
        one.key: {"value": one.shown, "origin": one.kind, "where": one.where}
        for one in reading.settings
    }


def _learn(redactor: Redactor, home: Path, reading: Reading | None) -> None:
    """Tell the redactor every name there is in settings, catalog and system."""
    values = {one.key: one.value for one in reading.settings} if reading else {}
    redactor.add("practice", [values.get("name") or ""])
    for sender in values.get("dicom.senders") or ():
        redactor.add("sender", [sender.name])
        redactor.add("address", [sender.address])
        redactor.add("title", [sender.ae_title])
    redactor.add("title", [values.get("dicom.ae_title") or ""])
    redactor.add("practice", [values.get("messages.practice") or ""])
    redactor.add("telephone", [values.get("messages.phone") or ""])
    redactor.add("telephone", [values.get("text_messages.from") or ""])
    redactor.add(
        "mailbox", [values.get("email.from") or "", *(values.get("messages.emergency") or ())]
    )
    redactor.add("user", [values.get("email.user") or "", values.get("text_messages.user") or ""])
    redactor.add("host", [values.get("email.host") or ""])
    _learn_urls(redactor, [one for one in (values.get("text_messages.url"),) if one])
    for key in ("public.host", "internal.host", "dicom.host"):
        redactor.add("address", [values.get(key) or ""])
    _learn_urls(redactor, values.get("public.urls") or ())
    redactor.add("directory", [values.get("backup.path") or ""])
    redactor.add("home", [str(home), str(home.resolve())])
    redactor.add("machine", [socket.gethostname()])
    with suppress(Exception):  # a user without a name has none to hide
        redactor.add("user", [getpass.getuser()])
    with suppress(ServiceError, ProtocolError):
        words = fingerprint_words(read_identity(read_home(home).records).node_id)
        redactor.add("node", [" ".join(words)])
    with suppress(ServiceError):
        view = CatalogView(home / CATALOG_FILE)
        with view.look() as records:
            for peer in records.peers.list():
                redactor.add("peer", [peer.name])
                _learn_urls(redactor, peer.addresses)
            for sender in records.senders.list():
                redactor.add("sender", [sender.name])
                redactor.add("address", [sender.address])
                redactor.add("title", [sender.ae_title])
        view.close()


def _learn_urls(redactor: Redactor, urls: Any) -> None:
    for url in urls:
        redactor.add("url", [url])
        with suppress(ValueError):
            redactor.add("host", [urlsplit(url).hostname or ""])


def _versions() -> dict[str, Any]:
    libraries = {}
    for floor in FLOORS:
        with suppress(metadata.PackageNotFoundError):
            libraries[floor.package] = metadata.version(floor.package)
    return {
        "undisc": metadata.version("undisc"),
        "python": sys.version,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "sqlite": SQLITE_VERSION,
        "libraries": libraries,
        "processors": os.cpu_count(),
    }


def _files(home: Path) -> Iterator[tuple[str, Any]]:
    """Count files; names of packs are random, names of other files are not told."""
    for folder in ("packs", "staging"):
        with suppress(OSError), os.scandir(home / folder) as entries:
            sizes = [entry.stat(follow_symlinks=False).st_size for entry in entries]
            yield (
                folder,
                {"files": len(sizes), "bytes": sum(sizes), "largest": max(sizes, default=0)},
            )
    for path in sorted(home.glob("*.sqlite3*")):
        yield path.name, path.stat().st_size
