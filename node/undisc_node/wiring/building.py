"""Builds a node from its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock

from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.config import Settings
from undisc_node.dicom.workers.pool import WorkerPool
from undisc_node.services.auditing import Auditing, Journal, Refusals
from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.rendering import TASK
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.fetching import Fetching
from undisc_node.services.identity import Cards
from undisc_node.services.meters import Meters
from undisc_node.services.noticing import Noticing
from undisc_node.services.offering import Offering
from undisc_node.services.one_time_codes import OneTimeCodes
from undisc_node.services.queueing import Queueing
from undisc_node.services.restoring import Restoring
from undisc_node.services.retention import Retention
from undisc_node.services.revoking import Revoking
from undisc_node.services.second_step import SecondStep
from undisc_node.services.serving import Serving
from undisc_node.services.settling import Settling
from undisc_node.services.staff import Staff
from undisc_node.services.status import Status
from undisc_node.services.streams import Streams
from undisc_node.services.studies import Studies
from undisc_node.services.study_parts import StudyParts
from undisc_node.services.visiting import Visiting
from undisc_node.services.witnessed_time import TimeWitness
from undisc_node.storage import home as homes
from undisc_node.storage.ballast import Ballast
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs.store import PackStore
from undisc_node.watching import watch
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.public_uses import PublicUses
from undisc_node.wiring.archives import build_archives
from undisc_node.wiring.beginning import backed_up_ms, go_on_in_time, own_identity
from undisc_node.wiring.consents import build_consents
from undisc_node.wiring.department import build_department
from undisc_node.wiring.desk import build_desk
from undisc_node.wiring.dicomweb import build_dicomweb
from undisc_node.wiring.folders import watch_duties
from undisc_node.wiring.giving import build_giving
from undisc_node.wiring.heeding import build_heeding
from undisc_node.wiring.housekeeping import Housekeeping, in_turn
from undisc_node.wiring.ingest import build_ingest, build_senders, check_names
from undisc_node.wiring.keys import Renewal, build_keys
from undisc_node.wiring.links import build_links
from undisc_node.wiring.media import build_media
from undisc_node.wiring.messages import build_messages, build_outlets
from undisc_node.wiring.node import Node
from undisc_node.wiring.offers import build_offers
from undisc_node.wiring.patients import build_patients
from undisc_node.wiring.peers import build_peers
from undisc_node.wiring.polling import Comings, build_lines
from undisc_node.wiring.viewer import build_viewer
from undisc_node.wiring.workstations import build_provider


@contextmanager
def build(  # noqa: PLR0915 - a statement for each part
    settings: Settings, *, trust_clock: bool = False
) -> Iterator[Node]:
    """Build a node from its home, and take it apart again.

    Args:
        settings: What to build it from.
        trust_clock: The system's clock is right, although the log has later times.

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
    go_on_in_time(catalog, clock, Journal(clock=clock, entropy=entropy), trust=trust_clock)
    keyring = Keyring(
        settings.home / "keyring.sqlite3",
        key_encryption_key=keys.key_encryption_key,
        entropy=entropy,
        create=False,
    )
    packs = PackStore(settings.home, keyring=keyring, entropy=entropy, look=check_names)
    lines = build_lines(settings, catalog=catalog, clock=clock, entropy=entropy)
    network = lines.network
    contents, refusals, meters = Contents(packs=packs), Refusals(), Meters()
    journal = Journal(clock=clock, entropy=entropy)
    cards = Cards(own=own, catalog=catalog, clock=clock)
    offering = Offering(own=own, cards=cards, clock=clock)
    others = build_peers(
        catalog=catalog,
        network=network,
        journal=journal,
        refusals=refusals,
        clock=clock,
        entropy=entropy,
        own=own,
        cards=cards,
        interfaces=settings.discovery_interfaces,
    )
    peering, recalling = others.peering, others.recalling
    ingest = build_ingest(
        settings,
        catalog=catalog,
        packs=packs,
        contents=contents,
        journal=journal,
        clock=clock,
        entropy=entropy,
        writing=writing,
        meters=meters,
    )
    receiving = ingest.receiving
    queueing = Queueing(catalog=catalog, journal=journal, clock=clock, entropy=entropy)
    noticing = Noticing(
        catalog=catalog,
        network=network,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        queueing=queueing,
    )
    visiting = Visiting(catalog=catalog, queueing=queueing, journal=journal, clock=clock)
    settling = Settling(
        catalog=catalog,
        packs=packs,
        contents=contents,
        journal=journal,
        clock=clock,
        writing=writing,
        settled=in_turn(noticing.grown, visiting.settled),
    )
    world = FetchWorld(
        catalog=catalog,
        packs=packs,
        contents=contents,
        network=network,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        writing=writing,
        room=ingest.room,
        fetched=meters.fetched,
    )
    fetching = Fetching(world=world, peering=peering, journal=journal, each=settings.peer_fetches)
    comings = Comings(world, lines=lines, cards=cards, refusals=refusals, fetching=fetching)
    outlets = build_outlets(settings, clock=clock, entropy=entropy)
    codes = OneTimeCodes(catalog=catalog, clock=clock, entropy=entropy, node_seed=keys.node_seed)
    second = SecondStep(codes=codes, send_code=outlets.send_code)
    links = build_links(
        settings,
        catalog=catalog,
        journal=journal,
        refusals=refusals,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
        world=world,
        fetching=fetching,
        second=second,
    )
    studies = Studies(
        catalog=catalog,
        packs=packs,
        contents=contents,
        journal=journal,
        clock=clock,
        writing=writing,
    )
    senders, sender_duties = build_senders(
        settings,
        ingest,
        catalog=catalog,
        packs=packs,
        contents=contents,
        studies=studies,
        journal=journal,
        clock=clock,
    )
    retention = Retention(
        catalog=catalog,
        studies=studies,
        clock=clock,
        days=settings.retention_days,
        backed_up_ms=lambda: backed_up_ms(settings),
        refused_hours=settings.retention_refused_hours,
    )
    listeners: dict[str, str] = {}
    archives = build_archives(
        settings,
        catalog=catalog,
        packs=packs,
        contents=contents,
        queueing=queueing,
        store=receiving.store,
        journal=journal,
        clock=clock,
        entropy=entropy,
    )
    restoring, renewal = Restoring(catalog=catalog, journal=journal, clock=clock), Renewal()
    looking_after = build_keys(
        settings,
        own=own,
        cards=cards,
        catalog=catalog,
        network=network,
        journal=journal,
        refusals=refusals,
        clock=clock,
        renewal=renewal,
    )
    department = build_department(
        settings,
        catalog=catalog,
        packs=packs,
        contents=contents,
        receiving=receiving,
        studies=studies,
        queueing=queueing,
        noticing=noticing,
        journal=journal,
        clock=clock,
        entropy=entropy,
    )
    consents = build_consents(
        settings,
        visiting=visiting,
        reports_of=department.uses["reporting"].of_study,
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
    )
    offers = build_offers(
        settings,
        catalog=catalog,
        network=network,
        fetching=fetching,
        journal=journal,
        refusals=refusals,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
    )
    patients = build_patients(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
        sharing=links.sharing,
        passcodes=links.passcodes,
        key_encryption_key=keys.key_encryption_key,
        second=second,
        send_link=outlets.send_link,
        parts=StudyParts(packs=packs, contents=contents),
    )
    messages = build_messages(
        settings,
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        patient_links=patients.links,
        outlets=outlets,
        queueing=queueing,
    )
    giving = build_giving(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
        emergencies=messages.emergencies,
        passcodes=links.passcodes,
    )
    staff = Staff(catalog=catalog, journal=journal, clock=clock, entropy=entropy)
    desk = build_desk(
        settings,
        key_encryption_key=keys.key_encryption_key,
        catalog=catalog,
        staff=staff,
        consents=consents.uses,
        department=department.uses,
        own=own,
        patients=patients,
        send_link=outlets.send_link,
        offers=offers.taking,
        messages=messages,
        carries=outlets.sender.carries,
        passcodes=links.passcodes,
        fetching=fetching,
        link_fetching=links.fetching,
        peering=peering,
        studies=studies,
        giving=giving,
        journal=journal,
        clock=clock,
        entropy=entropy,
    )
    work = WorkerPool({TASK: "undisc_node.dicom.rendering:render"})
    dicomweb, searchable = build_dicomweb(
        catalog=catalog,
        packs=packs,
        contents=contents,
        receiving=receiving,
        work=work,
        entropy=entropy,
    )
    importing, media = build_media(
        settings, catalog=catalog, packs=packs, contents=contents, journal=journal, clock=clock
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
        importing=importing,
        media=media,
        settling=settling,
        peering=peering,
        **giving,
        pairings=others.pairs,
        discovering=others.discovering,
        sharing=links.sharing,
        linking=links.linking,
        link_fetching=links.fetching,
        revoking=Revoking(catalog=catalog, journal=journal, clock=clock),
        restoring=restoring,
        recalling=recalling,
        keys=looking_after.ceremony,
        rounds=looking_after.rounds,
        **department.uses,
        **consents.uses,
        patient_links=patients.links,
        patient_sharing=patients.sharing,
        **messages.uses,
        offers=offers.taking,
        outgoing=comings.queue,
        staff=staff,
        fetching=fetching,
        auditing=Auditing(catalog=catalog),
        archiving=archives.archiving,
        senders=senders,
        pulling=archives.pulling,
        delivering=archives.delivering,
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
            any_node=links.any_node,
        ),
        unlocking=links.unlocking,
        offers=offers.taking,
        rounds=looking_after.rounds,
        pairings=others.guests,
        opening=patients.opening,
        browsing=patients.browsing,
        patient_sharing=patients.sharing,
        use_notices=messages.use_notices,
        receipts=others.receipts,
        heeding=build_heeding(settings, world, fetching, studies, department, refusals),
        streams=Streams(catalog=catalog, packs=packs, clock=clock, served=meters.served),
        recalling=recalling,
        polls=comings.answering,
        errands=lines.errands,
        viewer=build_viewer(
            catalog=catalog,
            packs=packs,
            contents=contents,
            dicomweb=dicomweb,
            reports_of=department.uses["reporting"].of_study,
            media=media,
            sessions=patients.browsing,
        ),
        asked=desk.asked,
    )
    try:
        yield Node(
            settings=settings,
            id=own.id,
            public=public,
            admin=admin,
            receiving=receiving,
            senders=ingest.known,
            inside=watch(
                settings,
                keys,
                catalog=catalog,
                packs=packs,
                refusals=refusals,
                meters=meters,
                clock=clock,
                staff=staff,
                dicomweb=dicomweb,
                desk=desk.desk,
                asked=desk.asked,
            ),
            fetching=fetching,
            recalling=recalling,
            restoring=restoring,
            renewal=renewal,
            duties=(
                *Housekeeping(
                    catalog=catalog,
                    packs=packs,
                    settling=settling,
                    fetching=fetching,
                    retention=retention,
                    clock=clock,
                    relieve=catalog.relieve,
                    witness=TimeWitness(catalog=catalog, journal=journal, clock=clock),
                    put_back=ballast.put_back,
                    settle_ms=int(settings.settle_seconds * 1000),
                ).duties(),
                *watch_duties(settings, receiving.store),
                *department.duties,
                *consents.duties,
                *patients.duties,
                *messages.duties,
                offers.duty,
                *comings.duties(settings, public),
                looking_after.duty,
                others.duty,
                *archives.duties,
                *sender_duties,
                *desk.duties,
                searchable,
            ),
            hl7=department.hl7,
            on_report=archives.commitments.on_report,
            provider=build_provider(
                catalog=catalog,
                packs=packs,
                contents=contents,
                searching=dicomweb.searching,
                archives=archives.opening,
                journal=journal,
                ae_title=settings.dicom_ae_title,
                senders=ingest.known,
            ),
            listeners=listeners,
            catalog=catalog,
            packs=packs,
            journal=journal,
            clock=clock,
        )
    finally:
        archives.pulling.stop()
        archives.delivering.stop()
        comings.stop()
        fetching.stop()
        work.close()
        keyring.close()
        catalog.close()
