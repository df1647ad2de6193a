"""Studies are made again from what their packs say: pure decisions, no storage.

A row says which packs of a study are its own and which hold what waits for the administrator; the
packs do not. It is found out by how the node makes packs (`receiving`, `fetch_commit`):

- The pack in which a study began is its own. One that a modality began has the arrival of its first
  object as the time of its header; one that was fetched begins with objects of a peer.
- A modality's further arrivals go into that pack. So another pack of the same study with a
  modality's objects in it holds what waits.
- A further pack with a peer's objects is judged as when it came: another patient's identity, or
  another version of what another sender brought, waits.
- Whatever a readable row of the old catalog says is believed.

In doubt a pack waits, and its study is held: nothing is lost, and nothing is served that a person
has not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from undisc_node.services.contents import StudyContents
from undisc_node.services.deciding import HOLD_IDENTITY, PEER_SENDER, completed, same_patient
from undisc_node.services.model import Pack, PackRole, Study, StudyState
from undisc_node.services.ports import Stored
from undisc_node.services.quarantine import REASON
from undisc_node.services.sender_model import STRANGER
from undisc_protocol.pack import StudyHeader


@dataclass(frozen=True, slots=True)
class FoundPack:
    """A pack as it lies on the disk.

    Attributes:
        id: Its id.
        header: What it says about its study.
        stored: Its objects, in order.
        length: Bytes that count.
        index_at: Offset of its newest index, or None.
        settled: Whether nothing was written behind that index.
    """

    id: bytes
    header: StudyHeader
    stored: tuple[Stored, ...]
    length: int
    index_at: int | None
    settled: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What the rows of a damaged catalog still say; any of it may be missing.

    Attributes:
        roles: By pack.
        states: State and reason, by study.
    """

    roles: Mapping[bytes, PackRole] = field(default_factory=dict)
    states: Mapping[bytes, tuple[StudyState, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A study and the rows of its packs, ready to be saved."""

    study: Study
    packs: tuple[Pack, ...]


def rebuild_study(
    found: Sequence[FoundPack],
    told: Told,
    *,
    known: Study | None = None,
    contents: StudyContents | None = None,
) -> Rebuilt:
    """Make a study's rows from its packs.

    Args:
        found: Packs with the same Study Instance UID; at least one.
        told: What is left of the old rows.
        known: The study's row, when there is one and packs are only added to it.
        contents: What its packs hold already.

    Returns:
        The study, with what `found` adds, and the rows of the packs in `found`.
    """
    packs = sorted(found, key=_age)
    openers = {pack.id for pack in _openers(packs, known)}
    first = None
    if known is None:
        first = next((one for one in packs if _may_begin(one, openers, told)), None)
    study = known or _new_study(first or packs[0])
    contents = contents or StudyContents()
    rows: list[Pack] = []
    for one in sorted(packs, key=lambda pack: pack is not first):
        role = told.roles.get(one.id)
        if role is None:
            own = one is first or (_in_question(one, openers) and _fits(one, study, contents))
            role = PackRole.MAIN if own else PackRole.WAITING
        row = Pack(one.id, study.id, role, one.length, one.index_at)
        rows.append(row)
        contents = contents.extended(row, one.stored)
        if role is PackRole.MAIN:
            study = replace(study, patient=completed(study.patient, one.header.patient))
    return Rebuilt(_summed(study, packs, contents, told, known=known), tuple(rows))


def _age(pack: FoundPack) -> tuple[int, int, bytes]:
    began = pack.stored[0].header.at_ms if pack.stored else pack.header.made_ms
    return pack.header.made_ms, began, pack.id


def _openers(packs: Sequence[FoundPack], known: Study | None) -> Sequence[FoundPack]:
    """Return the packs in which a study began; a fetch and a modality may have begun it at once."""
    begun = {known.id} if known else set()
    openers = []
    for pack in packs:
        if pack.header.study not in begun and _begins(pack):
            begun.add(pack.header.study)
            openers.append(pack)
    return openers


def _begins(pack: FoundPack) -> bool:
    if not pack.stored:
        return False
    first = pack.stored[0].header
    return first.sender.startswith(PEER_SENDER) or first.at_ms == pack.header.made_ms


def _may_begin(pack: FoundPack, openers: set[bytes], told: Told) -> bool:
    role = told.roles.get(pack.id)
    return role is PackRole.MAIN or (role is None and pack.id in openers)


def _in_question(pack: FoundPack, openers: set[bytes]) -> bool:
    """Tell whether a pack that began no study of this node may be its own all the same."""
    fetched = all(one.header.sender.startswith(PEER_SENDER) for one in pack.stored)
    return pack.id in openers or fetched


def _fits(pack: FoundPack, study: Study, contents: StudyContents) -> bool:
    """Tell whether a pack contradicts nothing; the rule of `fetch_commit`."""
    if not same_patient(study.patient, pack.header.patient):
        return False
    for one in pack.stored:
        current = contents.current.get(one.header.sop_uid)
        if current is None or current.stored.header.hash == one.header.hash:
            continue
        if current.stored.header.sender != one.header.sender:
            return False
    return True


def _new_study(pack: FoundPack) -> Study:
    said = pack.header
    sender = pack.stored[0].header.sender if pack.stored else ""
    unknown = sender.startswith(STRANGER)  # it was in quarantine, and nobody let it in
    return Study(
        id=said.study,
        uid=said.uid,
        patient=said.patient,
        study_date=said.study_date,
        study_time=said.study_time,
        accession=said.accession,
        description=said.description,
        modalities=(),
        sender=sender,
        instances=0,
        size=0,
        waiting=0,
        state=StudyState.HELD if unknown else StudyState.ACTIVE,
        reason=REASON if unknown else "",
        created_ms=said.made_ms,
        arrived_ms=said.made_ms,
        settled_ms=None,
        kept=True,  # its permissions are lost, so that it has none is no reason to let it go
    )


def _summed(
    study: Study,
    packs: Sequence[FoundPack],
    contents: StudyContents,
    told: Told,
    *,
    known: Study | None,
) -> Study:
    """Fill in what the row sums up."""
    arrivals = [one.header.at_ms for pack in packs for one in pack.stored]
    arrived = max([study.arrived_ms, *arrivals])
    state, reason = told.states.get(study.id, (study.state, study.reason))
    if contents.waiting and state is StudyState.ACTIVE:
        state, reason = StudyState.HELD, HOLD_IDENTITY
    settled = all(pack.settled for pack in packs)
    return replace(
        study,
        modalities=contents.modalities(study.modalities),
        instances=len(contents.current),
        size=contents.size,
        waiting=len(contents.waiting),
        state=state,
        reason=reason,
        arrived_ms=arrived,
        settled_ms=arrived if settled and known is None else None,
    )
