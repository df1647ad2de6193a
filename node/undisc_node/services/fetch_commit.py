"""A fetched study becomes a study of this node: all of it, in one change.

What arrives from a peer follows the same rules as what arrives from a modality (`deciding`): same
bytes are not brought again, a newer version from the same holder supersedes, and anything that
contradicts what another sender brought, or names another patient, waits for the administrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from undisc_node.services import auditing
from undisc_node.services.contents import StudyContents
from undisc_node.services.deciding import HOLD_IDENTITY, PEER_SENDER, completed, same_patient
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
from undisc_node.services.stopping import stop_transfers
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import Granted
from undisc_protocol.log import Actor
from undisc_protocol.manifest import Manifest, ManifestObject
from undisc_protocol.offer import Offer
from undisc_protocol.pack import ObjectHeader, StudyHeader
from undisc_protocol.receipt import Stored as Stated
from undisc_protocol.receipt import read_receipt, sign_receipt


def sender_name(peer: bytes) -> str:
    """Return what a peer is called as the sender of instances."""
    return f"{PEER_SENDER}{peer.hex()}"


class StudyChanged(Exception):
    """What a fetch counts on being here is gone, so the holder must be asked again."""


def _name(listed: ObjectHeader | ManifestObject) -> tuple[str, bytes]:
    """Return what makes two objects the same instance in the same version."""
    return listed.sop_uid, listed.hash


def relied_on(objects: Iterable[ObjectHeader | ManifestObject]) -> frozenset[tuple[str, bytes]]:
    """Return the names of objects that are here from elsewhere, for `Finished.relied`."""
    return frozenset(map(_name, objects))


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
    waiting = {_name(located.stored.header) for located in contents.waiting}
    for listed in manifest.objects:
        known = contents.current.get(listed.sop_uid)
        header = known.stored.header if known else None
        if (header is not None and header.hash == listed.hash) or _name(listed) in waiting:
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
        relied: UID and hash of what was not brought because it was here already.
    """

    fetch: Fetch
    offer: Offer
    granted: Granted
    invocation: Cid
    incoming: Incoming | None
    relied: frozenset[tuple[str, bytes]]


def commit_study(world: FetchWorld, finished: Finished) -> Fetch:
    """Make a fetched study durable and visible, with provenance, log row and receipt.

    Returns:
        The fetch's row as saved.

    Raises:
        StudyChanged: What the fetch counts on is not here any more.
    """
    incoming = finished.incoming
    stored = incoming.objects() if incoming else []
    length = incoming.publish() if incoming else 0
    with world.writing:
        with world.catalog.change() as records:
            now_ms = world.clock.now_ms()
            known = records.studies.find_uid(finished.granted.manifest.study.uid)
            before = world.contents.of(records, known.id) if known else StudyContents()
            _check_here(before, finished)
            study = known or _new_study(finished, now_ms)
            role, contents = _role(study, before, finished, stored), before
            if incoming is not None:
                pack = Pack(incoming.pack, study.id, role, length, None)
                contents = before.extended(pack, stored)
                grown = _grown(study, contents, finished, role, now_ms)
                records.studies.put(grown)
                records.studies.put_pack(pack)
                stop_transfers(
                    world.journal,
                    records,
                    study,
                    grown,
                    replaced=len(contents.superseded) - len(before.superseded),
                    who=_holder(records, finished.fetch),
                    at_ms=now_ms,
                )
            done = replace(
                finished.fetch,
                study=study.id,
                state=FetchState.DONE,
                problem="",
                ended_ms=now_ms,
                receipt_due=True,
            )
            records.fetches.put(done)
            _file_receipt(world, records, finished, stored, now_ms)
            _note(world, records, done, study, stored, role)
        world.contents.remember(study.id, contents)
    return done


def receipts_of(records: Records, fetch: Fetch, offer: Offer) -> Sequence[Receipt]:
    """Return the receipt of a fetch that is done.

    More than one only if two fetches of the same study ended in the same millisecond; then the
    receipts of both are due.
    """
    return [
        receipt
        for receipt in records.fetches.receipts(offer.capability.policy.study)
        if (receipt.peer, receipt.at_ms) == (fetch.peer, fetch.ended_ms)
    ]


def _check_here(contents: StudyContents, finished: Finished) -> None:
    """A study may be deleted, or an arrival rejected, while its difference is being fetched."""
    located = (*contents.current.values(), *contents.superseded, *contents.waiting)
    if not finished.relied <= relied_on(one.stored.header for one in located):
        raise StudyChanged


def _new_study(finished: Finished, now_ms: int) -> Study:
    said = finished.granted.manifest.study
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
        if known is None or known.stored.header.hash == one.header.hash:
            continue
        if known.stored.header.sender != one.header.sender:
            return PackRole.WAITING
    return PackRole.MAIN


def _grown(
    study: Study, contents: StudyContents, finished: Finished, role: PackRole, now_ms: int
) -> Study:
    said = finished.granted.manifest.study.patient
    hold = not same_patient(study.patient, said) and study.state is StudyState.ACTIVE
    return replace(
        study,
        patient=completed(study.patient, said) if role is PackRole.MAIN else study.patient,
        modalities=contents.modalities(study.modalities),
        instances=len(contents.current),
        size=contents.size,
        waiting=len(contents.waiting),
        state=StudyState.HELD if hold else study.state,
        reason=HOLD_IDENTITY if hold else study.reason,
        arrived_ms=now_ms,
        settled_ms=None,
    )


def _file_receipt(
    world: FetchWorld,
    records: Records,
    finished: Finished,
    stored: Sequence[Stored],
    now_ms: int,
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
            at=now_ms // 1000,
        ),
        sender=world.own.identity,
        to=finished.offer.holder.node_id,
    )
    read = read_receipt(token, to=finished.offer.holder.node_id, now=now_ms // 1000)
    records.fetches.add_receipt(
        Receipt(
            id=read.id,
            token=token,
            peer=finished.fetch.peer,
            study=read.stored.study,
            invocation=read.stored.invocation.digest,
            objects=read.stored.objects,
            size=read.stored.size,
            at_ms=now_ms,
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
    world.journal.note(
        records,
        "fetch.done",
        who=_holder(records, fetch),
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


def _holder(records: Records, fetch: Fetch) -> Actor:
    return auditing.other_node(records.peers.get(fetch.peer) or fetch.peer)
