"""Runs a node: opens its doors, does its duties, and ends in good order.

Start order matters: rows first, then leftovers of a crash are swept, then doors open, and only then
interrupted fetches go on. The end is the reverse.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from urllib.parse import urlsplit

from undisc_node import logs
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.config import Settings
from undisc_node.memory import few_arenas
from undisc_node.services import auditing
from undisc_node.services.errors import ServiceError
from undisc_node.services.sweeping import sweep
from undisc_node.storage import home as homes
from undisc_node.storage import key_change, upgrade
from undisc_node.storage.backup.staging import sweep_working_folders
from undisc_node.web import request_ids
from undisc_node.web.listeners import Doors, listening
from undisc_node.web.pages.rendering import Practice
from undisc_node.wiring.announcing import announced
from undisc_node.wiring.building import build
from undisc_node.wiring.doors import dicom_ports
from undisc_node.wiring.duties import perform
from undisc_node.wiring.node import Node

log = logging.getLogger("undisc.node")


async def run(node: Node) -> None:
    """Open the doors and work until SIGTERM or SIGINT, or until the node is to be built anew.

    Raises:
        ServiceError: A port is in use, or another node runs on this home.
    """
    settings, loop = node.settings, asyncio.get_running_loop()
    loop.set_exception_handler(logs.of_loop)
    ended = asyncio.Event()
    node.renewal.bind(ended)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: _end(node, ended))
    swept = await asyncio.to_thread(sweep, node.catalog, node.packs)
    await asyncio.to_thread(sweep_working_folders, settings.home / "staging")
    if swept:
        log.info("erased %d packs that a crash left unfinished", swept)
    doors = Doors(
        public=(settings.public_host, settings.public_port),
        internal=(settings.internal_host, settings.internal_port),
        admin=settings.home / "admin.sock",
        staging=settings.home / "staging",
        hosts=frozenset(settings.internal_names),
        public_hosts=frozenset(urlsplit(url).hostname or "" for url in settings.public_urls),
        practice=Practice(settings.name, settings.contact),
    )
    ports = dicom_ports(node)
    async with listening(
        doors,
        public=node.public,
        admin=node.admin,
        inside=node.inside,
        entropy=SystemEntropy(),
    ) as opened:
        for port in ports.values():
            await asyncio.to_thread(port.start)
        try:
            if node.hl7 is not None:
                await node.hl7.start()
                node.listeners["hl7"] = _address(*node.hl7.address)
            _log_event(node, "node.started")
            node.listeners["public"] = _address(*opened.public)
            node.listeners["internal"] = _address(*opened.internal)
            for name, port in ports.items():
                node.listeners[name] = _address(*port.address)
            node.fetching.resume_all()
            _announce(node)
            asking = asyncio.create_task(asyncio.to_thread(_recall, node))
            async with announced(settings, node_id=node.id, port=opened.public[1]):
                await _work(node, ended)
            await asking
        finally:
            for port in ports.values():
                await asyncio.to_thread(port.stop)
            if node.hl7 is not None:
                await node.hl7.stop()
            _count_senders(node)
            _log_event(node, "node.stopped")


def _end(node: Node, ended: asyncio.Event) -> None:
    """End for good, also where the node was about to be built anew."""
    node.renewal.wanted = False
    ended.set()


def _count_senders(node: Node) -> None:
    """Write what came of senders since it was last written."""
    try:
        node.senders.flush()
    except ServiceError as problem:
        log.warning("what senders sent could not be counted: %s", problem.reason)


def _recall(node: Node) -> None:
    """Ask the peers once after a return from a copy: they know what this node forgot."""
    try:
        back = node.restoring.latest()
        if back is None or back.confirmed_ms is not None:
            return
        if not any(one.at_ms >= back.since_ms for one in node.recalling.recalled()):
            node.recalling.recall_all()
    except ServiceError as problem:
        log.warning("peers could not be asked what they remember: %s", problem.reason)


def _log_event(node: Node, kind: str) -> None:
    with node.catalog.change() as records:
        node.journal.note(records, kind, who=auditing.user("undisc-node"))


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(node: Node) -> None:
    log.info("the node is ready", extra={"fields": dict(node.listeners)})
    if node.settings.log_format == "json":
        return  # whoever collects both outputs gets JSON only
    print(f"undisc node '{node.settings.name}' is ready")  # noqa: T201 - for whoever started it
    for name, address in node.listeners.items():
        print(f"  {name:<9} {address}")  # noqa: T201
    print(f"  admin     {node.settings.home / 'admin.sock'}", flush=True)  # noqa: T201


async def _work(node: Node, ended: asyncio.Event) -> None:
    """Do what a node does by itself, until the end."""
    async with asyncio.TaskGroup() as group:
        for duty in node.duties:
            group.create_task(perform(duty, ended))


def serve(settings: Settings, *, trust_clock: bool = False) -> None:
    """Run a node until it is told to stop.

    Args:
        settings: What it is built from.
        trust_clock: The system's clock is right, although the log has later times.

    Raises:
        ServiceError: It cannot be built or opened.
    """
    few_arenas()
    logs.start(
        sys.stderr,
        form=settings.log_format,
        level=settings.log_level,
        requests=settings.log_requests,
        request_id=request_ids.current,
    )
    with homes.holding_home(settings.home):
        key_change.finish(settings.home)
        _upgrade(settings)
        while True:
            with build(settings, trust_clock=trust_clock) as node:
                asyncio.run(run(node))
            if not node.renewal.wanted:
                return
            trust_clock = False
            log.info("the node goes on under its next key")


def _upgrade(settings: Settings) -> None:
    done = upgrade.bring_up_to_date(settings.home, now=SystemClock().now_ms() / 1000)
    if done is not None:
        log.info(
            "upgraded the databases from %s to %s; as they were before: %s",
            done.before,
            done.after,
            done.copy,
        )
