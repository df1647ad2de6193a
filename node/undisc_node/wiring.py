"""Builds a node from its parts and owns their lifetimes: the only place that does.

    settings, keys  →  catalog, keyring, packs, network  →  services  →  listeners, DICOM port

Start order matters: rows first, then leftovers of a crash are swept, then doors open, and only then
interrupted fetches go on. The end is the reverse.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from threading import Lock

from undisc_node import logs
from undisc_node.backups import last_backup
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.config import Settings
from undisc_node.dicom.port import DicomPort
from undisc_node.dicom.reader import FactReader
from undisc_node.peers.client import PeerClient
from undisc_node.services import auditing
from undisc_node.services.auditing import Auditing, Journal, Refusals
from undisc_node.services.contents import Contents
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.granting import Granting
from undisc_node.services.identity import Cards, OwnIdentity
from undisc_node.services.meters import MeteredReceiving, Meters
from undisc_node.services.offering import Offering
from undisc_node.services.peering import Peering
from undisc_node.services.recalling import Recalling
from undisc_node.services.receipts import Receipts
from undisc_node.services.receiving import Receiving
from undisc_node.services.restoring import Restoring
from undisc_node.services.retention import Retention
from undisc_node.services.revoking import Revoking
from undisc_node.services.room import Quotas, Room
from undisc_node.services.serving import Serving
from undisc_node.services.settling import Settling
from undisc_node.services.sharing import Sharing
from undisc_node.services.status import Status
from undisc_node.services.streams import Streams
from undisc_node.services.studies import Studies
from undisc_node.services.sweeping import finish, sweep
from undisc_node.storage import home as homes
from undisc_node.storage import upgrade
from undisc_node.storage.backup.staging import sweep_working_folders
from undisc_node.storage.ballast import Ballast
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs.store import PackStore
from undisc_node.watching import watch
from undisc_node.web import request_ids
from undisc_node.web.internal import InternalUses
from undisc_node.web.listeners import Doors, listening
from undisc_node.web.uses import AdminUses, PublicUses
from undisc_protocol.identity import read_identity
from undisc_protocol.keys import SignKey, box_key

_MIB, _GIB = 2**20, 2**30
_TICK_SECONDS = 1.0  # how often quiet studies and expired invocations are looked for
_RETRY_TICKS = 600  # after so many, receipts that are still due are sent again

log = logging.getLogger("undisc.node")


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is built, with its doors still closed.

    Attributes:
        settings: What it was built from.
        public: Use cases of the public listener.
        admin: Use cases of the admin socket.
        receiving: Takes images in.
        inside: What the internal listener calls.
        settling: Settles quiet studies.
        fetching: Brings studies.
        retention: Lets studies leave.
        ballast: Gives way when the disk is full.
        recalling: Asks peers what they remember of this node, after it came back from a backup.
        status: Sums the node up.
        listeners: Filled in when the doors are open.
        catalog: Rows.
        packs: Bytes.
        journal: The log.
        clock: Time.
    """

    settings: Settings
    public: PublicUses
    admin: AdminUses
    receiving: MeteredReceiving
    inside: InternalUses
    settling: Settling
    fetching: Fetching
    retention: Retention
    ballast: Ballast
    recalling: Recalling
    listeners: dict[str, str]
    catalog: SqliteCatalog
    packs: PackStore
    journal: Journal
    clock: SystemClock


def own_identity(settings: Settings, keys: homes.HomeKeys) -> OwnIdentity:
    """Return who the node is.

    Raises:
        Invalid: Keys and identity record do not belong together.
    """
    identity = read_identity(keys.records)
    key = SignKey.from_seed(keys.node_seed)
    if key.did != identity.key:
        raise Invalid(
            "the node key is not the one in the newest identity record",
            code="wrong_key",
            hint="restore the keys directory and the files identity-* that belong together",
        )
    return OwnIdentity(
        key=key,
        box=box_key(keys.node_seed),
        identity=identity,
        name=settings.name,
        urls=settings.public_urls,
        demo=keys.demo,
    )


@contextmanager
def build(settings: Settings) -> Iterator[Node]:
    """Build a node from its home, and take it apart again.

    Raises:
        ServiceError: The home, its keys or its databases cannot be used.
    """
    keys = homes.read_home(settings.home)
    own = own_identity(settings, keys)
    clock, entropy, writing = SystemClock(), SystemEntropy(), Lock()
    ballast = Ballast(settings.home / "ballast")
    catalog = SqliteCatalog(
        settings.home / "catalog.sqlite3", entropy=entropy, create=False, ballast=ballast
    )
    keyring = Keyring(
        settings.home / "keyring.sqlite3",
        key_encryption_key=keys.key_encryption_key,
        entropy=entropy,
        create=False,
    )
    packs = PackStore(settings.home, keyring=keyring, entropy=entropy)
    network = PeerClient(private_addresses=settings.private_addresses)
    contents, refusals, meters = Contents(packs=packs), Refusals(), Meters()
    journal = Journal(clock=clock, entropy=entropy)
    cards = Cards(own=own, catalog=catalog, clock=clock)
    offering = Offering(own=own, cards=cards, clock=clock)
    peering = Peering(
        catalog=catalog, network=network, journal=journal, clock=clock, own=own, cards=cards
    )
    room = Room(
        catalog=catalog,
        packs=packs,
        clock=clock,
        reserve=settings.reserve_mib * _MIB,
        quotas=Quotas(settings.quota_sender_gib * _GIB, settings.quota_peer_gib * _GIB),
    )
    receiving = MeteredReceiving(
        Receiving(
            catalog=catalog,
            packs=packs,
            contents=contents,
            reader=FactReader(),
            journal=journal,
            clock=clock,
            entropy=entropy,
            writing=writing,
            room=room,
        ),
        meters,
    )
    settling = Settling(
        catalog=catalog,
        packs=packs,
        contents=contents,
        journal=journal,
        clock=clock,
        writing=writing,
    )
    fetching = Fetching(
        world=FetchWorld(
            catalog=catalog,
            packs=packs,
            contents=contents,
            network=network,
            journal=journal,
            clock=clock,
            entropy=entropy,
            own=own,
            writing=writing,
            room=room,
            fetched=meters.fetched,
        ),
        peering=peering,
        journal=journal,
    )
    studies = Studies(
        catalog=catalog,
        packs=packs,
        contents=contents,
        journal=journal,
        clock=clock,
        writing=writing,
    )
    retention = Retention(
        catalog=catalog,
        studies=studies,
        clock=clock,
        days=settings.retention_days,
        backed_up_ms=lambda: _backed_up_ms(settings),
    )
    listeners: dict[str, str] = {}
    recalling = Recalling(
        catalog=catalog,
        network=network,
        journal=journal,
        refusals=refusals,
        clock=clock,
        entropy=entropy,
        own=own,
    )
    admin = AdminUses(
        status=Status(
            catalog=catalog,
            packs=packs,
            refusals=refusals,
            own=own,
            home=settings.home,
            version=version("undisc"),
            kit_verified=lambda: homes.read_home(settings.home).kit_verified,
            listeners=listeners,
        ),
        studies=studies,
        retention=retention,
        receiving=receiving,
        settling=settling,
        peering=peering,
        granting=Granting(
            catalog=catalog,
            journal=journal,
            clock=clock,
            entropy=entropy,
            own=own,
            offering=offering,
        ),
        sharing=Sharing(catalog=catalog, journal=journal, clock=clock, own=own, offering=offering),
        revoking=Revoking(catalog=catalog, journal=journal, clock=clock),
        restoring=Restoring(catalog=catalog, journal=journal, clock=clock),
        recalling=recalling,
        fetching=fetching,
        auditing=Auditing(catalog=catalog),
        clock=clock,
    )
    public = PublicUses(
        peering=peering,
        serving=Serving(
            catalog=catalog,
            packs=packs,
            contents=contents,
            journal=journal,
            refusals=refusals,
            clock=clock,
            entropy=entropy,
            own=own,
        ),
        receipts=Receipts(
            catalog=catalog, journal=journal, refusals=refusals, clock=clock, own=own
        ),
        streams=Streams(catalog=catalog, packs=packs, clock=clock, served=meters.served),
        recalling=recalling,
    )
    try:
        yield Node(
            settings=settings,
            public=public,
            admin=admin,
            receiving=receiving,
            inside=watch(
                settings,
                keys,
                catalog=catalog,
                packs=packs,
                refusals=refusals,
                meters=meters,
                clock=clock,
            ),
            settling=settling,
            fetching=fetching,
            retention=retention,
            ballast=ballast,
            recalling=recalling,
            listeners=listeners,
            catalog=catalog,
            packs=packs,
            journal=journal,
            clock=clock,
        )
    finally:
        fetching.stop()
        keyring.close()
        catalog.close()


async def run(node: Node) -> None:
    """Open the doors and work until SIGTERM or SIGINT.

    Raises:
        ServiceError: A port is in use, or another node runs on this home.
    """
    settings, loop = node.settings, asyncio.get_running_loop()
    loop.set_exception_handler(logs.of_loop)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
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
    )
    port = DicomPort(
        host=settings.dicom_host,
        port=settings.dicom_port,
        ae_title=settings.dicom_ae_title,
        senders=settings.dicom_senders,
        store=node.receiving.store,
    )
    async with listening(
        doors,
        public=node.public,
        admin=node.admin,
        inside=node.inside,
        entropy=SystemEntropy(),
    ) as opened:
        await asyncio.to_thread(port.start)
        try:
            _log_event(node, "node.started")
            node.listeners["public"] = _address(*opened.public)
            node.listeners["internal"] = _address(*opened.internal)
            node.listeners["dicom"] = _address(*port.address)
            node.fetching.resume_all()
            _announce(node)
            asking = asyncio.create_task(asyncio.to_thread(_recall, node))
            await _work(node, ended)
            await asking
        finally:
            await asyncio.to_thread(port.stop)
            _log_event(node, "node.stopped")


def _recall(node: Node) -> None:
    """Ask the peers once after a return from a copy: they know what this node forgot."""
    try:
        back = node.admin.restoring.latest()
        if back is None or back.confirmed_ms is not None:
            return
        if not any(one.at_ms >= back.since_ms for one in node.recalling.recalled()):
            node.recalling.recall_all()
    except ServiceError as problem:
        log.warning("peers could not be asked what they remember: %s", problem.reason)


def _log_event(node: Node, kind: str) -> None:
    with node.catalog.change() as records:
        node.journal.note(records, kind, who=auditing.user("undisc-node"))


def _backed_up_ms(settings: Settings) -> int | None:
    """Return until when everything is in a backup, ms; None where the settings name none."""
    if not settings.backup_path:
        return None
    newest = last_backup(settings.home)
    return newest.at_ms if newest else 0


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
    """Settle quiet studies and forget what has expired, until the end."""
    ticks = 0
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), _TICK_SECONDS)
        except TimeoutError:
            ticks += 1
            await asyncio.to_thread(_tick, node, retry=ticks % _RETRY_TICKS == 0)


def _tick(node: Node, *, retry: bool) -> None:
    try:
        node.ballast.put_back(node.settings.reserve_mib * _MIB)
        if retry:
            node.fetching.resume_all()
            if left := node.retention.erase_due():
                log.info("erased %d studies that nobody had a permission for any more", left)
        with node.catalog.change() as records:
            records.tickets.forget_expired(node.clock.now_ms())
        finish(node.catalog, node.packs)
        node.settling.settle_quiet(int(node.settings.settle_seconds * 1000))
    except ServiceError as problem:
        # The next tick tries again; a full disk must not end the node.
        log.warning("housekeeping failed: %s", problem.reason)


def serve(settings: Settings) -> None:
    """Run a node until it is told to stop.

    Raises:
        ServiceError: It cannot be built or opened.
    """
    logs.start(
        sys.stderr,
        form=settings.log_format,
        level=settings.log_level,
        requests=settings.log_requests,
        request_id=request_ids.current,
    )
    with homes.holding_home(settings.home):
        _upgrade(settings)
        with build(settings) as node:
            asyncio.run(run(node))


def _upgrade(settings: Settings) -> None:
    done = upgrade.bring_up_to_date(settings.home, now=SystemClock().now_ms() / 1000)
    if done is not None:
        log.info(
            "upgraded the databases from %s to %s; as they were before: %s",
            done.before,
            done.after,
            done.copy,
        )
