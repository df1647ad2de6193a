"""Checks of the settings."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from undisc_node import config
from undisc_node.checks.finding import Finding, fail, ok, skip, warn
from undisc_node.checks.scene import Scene
from undisc_node.dicom.watch_folder import FAILED
from undisc_node.services.errors import ServiceError

_SMALL_RESERVE: Final = 256  # MiB; the log and revocations need some of it for months


def settings(scene: Scene) -> Finding:
    """Read every setting."""
    try:
        config.load(scene.home, scene.environment, scene.overrides)
    except ServiceError as problem:
        return fail(str(problem), problem.hint or "undisc-node config check names every problem")
    return ok("the settings are readable, every key is known")


def value_files(scene: Scene) -> Finding:
    """Look at who can read files that hold a setting."""
    loose = config.loose_value_files(scene.environment)
    if loose:
        return warn(
            f"other users can read the files that {', '.join(loose)} name",
            "chmod 600 those files, and let them belong to the node's user",
        )
    return ok("no file that holds a setting is open to others")


def addresses(scene: Scene) -> Finding:
    """Look at the public addresses in the settings."""
    urls = scene.settings.public_urls
    if not urls:
        if scene.settings.poll != "never":
            return warn(
                "no public address is set: the node asks its peers, and patients cannot open links",
                'right behind NAT; else set public.urls, such as ["https://images.example.org"]',
            )
        return warn(
            "no public address is set, and peers.poll is never: nobody reaches this node",
            'set public.urls in undisc.toml, such as ["https://images.example.org"]',
        )
    if any(url.startswith("http://") for url in urls):
        return warn(
            "a public address uses http; content stays encrypted, but links in browsers need https",
            "put a TLS proxy in front, and use https:// addresses",
        )
    return ok(f"public addresses: {' '.join(urls)}")


def watch_folders(scene: Scene) -> Finding:
    """Look whether watch folders can be read and cleared, and what lies aside in them."""
    listed = scene.settings.watch_folders
    if not listed:
        return skip("no watch folder is set")
    for one in listed:
        if not os.access(one.path, os.R_OK | os.W_OK | os.X_OK) or not Path(one.path).is_dir():
            return fail(
                f"the watch folder of {one.name} is not there, or the node may not write to it",
                "mount it, and let it belong to the node's user: files are moved when stored",
            )
        if Path(one.path).resolve().is_relative_to(scene.home.resolve()):
            return fail(
                f"the watch folder of {one.name} lies in the node's home",
                "let programs drop files somewhere else; they need no way into the home",
            )
    aside = [one.name for one in listed if any(Path(one.path, FAILED).glob("*.txt"))]
    if aside:
        return warn(
            f"files that could not be stored lie in the watch folder of {', '.join(aside)}",
            "read the reasons in its folder 'failed', then delete them",
        )
    return ok(f"{len(listed)} watch folders can be used")


def internal_listener(scene: Scene) -> Finding:
    """Look whether the internal listener is on an address of the internet."""
    host = scene.settings.internal_host
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return skip(f"{host} is a name; whether it is reachable from outside is not known")
    hint = 'set internal.host to "127.0.0.1", or to this practice\'s own network'
    if address.is_global:
        return fail(f"the internal listener is on {address}, an address of the internet", hint)
    if address.is_unspecified:
        return warn("the internal listener is on every address of this machine", hint)
    return ok(f"the internal listener is on {address}")


def reserve(scene: Scene) -> Finding:
    """Look at the disk space that is kept for revocations and the log."""
    kept = scene.settings.reserve_mib
    if kept < _SMALL_RESERVE:
        return warn(
            f"only {kept} MiB of the disk are kept free for revocations and the log",
            "set ingest.reserve_mib to 1024 or more",
        )
    return ok(f"{kept} MiB of the disk are kept free for revocations and the log")


def retention(scene: Scene) -> Finding:
    """Look at how long studies stay that nobody has a permission for."""
    days = scene.settings.retention_days
    if days == 0:
        return ok("studies stay until somebody deletes them")
    return ok(f"studies without a permission are erased after {days} days")
