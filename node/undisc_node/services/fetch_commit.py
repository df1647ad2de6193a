"""A fetched study becomes a study of this node: all of it, in one change.

What arrives from a peer follows the same rules as what arrives from a modality (`deciding`): same
bytes are not brought again, a newer version from the same holder supersedes, and anything that
contradicts what another sender brought, or names another patient, waits for the administrator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from undisc_node.services import auditing
from undisc_node.services.contents import StudyContents
from undisc_node.services.deciding import HOLD_IDENTITY, PEER_SENDER, same_patient
from undisc_node.services.fetch_world import FetchWorld
from undisc_node.services.model import (
    Fetch,
    FetchState,
    Pack,
    PackRole,
    Receipt,
    Study,
    StudyState,
)
from undisc_node.services.ports import Incoming, Records, Stored
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import Granted
from undisc_protocol.manifest import Manifest
from undisc_protocol.offer import Offer
from undisc_protocol.pack import ObjectHeader, StudyHeader
from undisc_protocol.receipt import Stored as Stated
from undisc_protocol.receipt import read_receipt, sign_receipt


def sender_name(peer: bytes) -> str:
    """Return what a peer is called as the sender of instances."""
    return f"{PEER_SENDER}{peer.hex()}"


def needed_objects(
    manifest: Manifest, contents: StudyContents, *, sender: str, at_ms: int
) -> Sequence[ObjectHeader]:
    """Return the headers of the granted objects that are not here yet, byte for byte.

    Args:
        manifest: What was granted.
        contents: What this node has of the same study.
        sender: The holder, as a sender.
        at_ms: The time now.
    """
    needed = []
    for listed in manifest.objects:
        known = contents.current.get(listed.sop_uid)
        header = known.stored.header if known else None
        if header is not None and header.hash == listed.hash:
            continue
        replaces = header.id if header is not None and header.sender == sender else None
        needed.append(listed.to_header(sender=sender, at_ms=at_ms, replaces=replaces))
    return needed


def new_header(manifest: Manifest, study: bytes, now_ms: int) -> StudyHeader:
    """Return the header of a pack for a study that is fetched."""
    said = manifest.study
    return StudyHeader(
        study=study,
        uid=said.uid,
        patient=said.patient,
        study_date=said.study_date,
        study_time=said.study_time,
        accession=said.accession,
        description=said.description,
        made_ms=now_ms,
    )


@dataclass(frozen=True, slots=True)
class Finished:
    """What a fetch has brought and is about to commit.

    Attributes:
        fetch: Its row.
        offer: What it was asked with.
        granted: The holder's last answer.
        invocation: The invocation that this answered.
        incoming: The staged pack, or None when everything was here already.
    """

    fetch: Fetch
    offer: Offer
    granted: Granted
    invocation: Cid
    incoming: Incoming | None


def commit_study(world: FetchWorld, finished: Finished) -> Fetch:
    """Make a fetched study durable and visible, with provenance, log row and receipt.

    Returns:
        The fetch's row as saved.
    """
    incoming, fetch = finished.incoming, finished.fetch
    stored = incoming.objects() if incoming else []
    length = incoming.publish() if incoming else 0
    with world.writing:
        with world.catalog.change() as records:
            study = records.studies.find_uid(finished.granted.manifest.study.uid)
            contents = world.contents.of(records, study.id) if study else StudyContents()
            is_new = study is None
            if study is None:
                study = _new_study(world, finished)
            role = _role(study, contents, finished, stored)
            if incoming is not None:
                pack = Pack(incoming.pack, study.id, role, length, None)
                contents = contents.extended(pack, stored)
                records.studies.put(_grown(world, study, contents, finished, stored, role))
                records.studies.put_pack(pack)
            elif is_new:
                records.studies.put(study)
            done = replace(
                fetch,
                study=study.id,
                state=FetchState.DONE,
                problem="",
                ended_ms=world.clock.now_ms(),
                receipt_due=True,
            )
            records.fetches.put(done)
            _file_receipt(world, records, finished, stored)
            _note(world, records, done, study, stored, role)
        world.contents.remember(study.id, contents)
    return done


def _new_study(world: FetchWorld, finished: Finished) -> Study:
    said, now_ms = finished.granted.manifest.study, world.clock.now_ms()
    return Study(
        id=finished.fetch.id,
        uid=said.uid,
        patient=said.patient,
        study_date=said.study_date,
        study_time=said.study_time,
        accession=said.accession,
        description=said.description,
        modalities=(),
        sender=sender_name(finished.fetch.peer),
        instances=0,
        size=0,
        waiting=0,
        state=StudyState.ACTIVE,
        reason="",
        created_ms=now_ms,
        arrived_ms=now_ms,
        settled_ms=None,
    )


def _role(
    study: Study, contents: StudyContents, finished: Finished, stored: Sequence[Stored]
) -> PackRole:
    """Decide whether the objects count as the study's own, or wait for the administrator."""
    if not same_patient(study.patient, finished.granted.manifest.study.patient):
        return PackRole.WAITING
    for one in stored:
        known = contents.current.get(one.header.sop_uid)
        if known is not None and known.stored.header.sender != one.header.sender:
            return PackRole.WAITING
    return PackRole.MAIN


def _grown(
    world: FetchWorld,
    study: Study,
    contents: StudyContents,
    finished: Finished,
    stored: Sequence[Stored],
    role: PackRole,
) -> Study:
    other_patient = not same_patient(study.patient, finished.granted.manifest.study.patient)
    hold = other_patient and study.state is StudyState.ACTIVE
    arrived = {one.header.modality for one in stored if role is PackRole.MAIN}
    return replace(
        study,
        modalities=tuple(sorted({*study.modalities, *arrived} - {""})),
        instances=len(contents.current),
        size=sum(located.stored.header.size for located in contents.current.values()),
        waiting=len(contents.waiting),
        state=StudyState.HELD if hold else study.state,
        reason=HOLD_IDENTITY if hold else study.reason,
        arrived_ms=world.clock.now_ms(),
        settled_ms=None,
    )


def _file_receipt(
    world: FetchWorld, records: Records, finished: Finished, stored: Sequence[Stored]
) -> None:
    """Sign the receipt within the change, so that it says the same however often it is sent."""
    token = sign_receipt(
        world.own.key,
        Stated(
            invocation=finished.invocation,
            study=finished.offer.capability.policy.study,
            manifest=finished.granted.manifest.hash,
            objects=len(stored),
            size=sum(one.header.size for one in stored),
            at=world.clock.now_ms() // 1000,
        ),
        sender=world.own.identity,
        to=finished.offer.holder.node_id,
    )
    read = read_receipt(token, to=finished.offer.holder.node_id, now=world.clock.now_ms() // 1000)
    records.fetches.add_receipt(
        Receipt(
            id=read.id,
            token=token,
            peer=finished.fetch.peer,
            study=read.stored.study,
            invocation=read.stored.invocation.digest,
            objects=read.stored.objects,
            size=read.stored.size,
            at_ms=world.clock.now_ms(),
        )
    )


def _note(
    world: FetchWorld,
    records: Records,
    fetch: Fetch,
    study: Study,
    stored: Sequence[Stored],
    role: PackRole,
) -> None:
    peer = records.peers.get(fetch.peer)
    world.journal.note(
        records,
        "fetch.done",
        who=auditing.other_node(peer or fetch.peer),
        what=[
            *auditing.about_study(study),
            auditing.about_security("capability", fetch.capability),
        ],
        detail={
            "objects": len(stored),
            "bytes": sum(one.header.size for one in stored),
            "role": role.value,
        },
    )
