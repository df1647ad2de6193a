"""What is swept: short acts on a real home, in a process that may die at any system call.

Each flow prepares a home, acts on it, and knows what must be true afterwards. `act` says what is
done the moment a person or program would be told; `verify` opens the home as a start does, proves
what was said and that nothing else is half there, and ends with acting again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.leftovers import leftovers
from support.samples import BytesSource
from support.studies_on_disk import MadeStudy, blake3_of, make_study
from undisc_node import backups, config, restores
from undisc_node.clocks import SystemClock, SystemEntropy
from undisc_node.services.errors import NotFound, ServiceError
from undisc_node.services.model import Basis, FetchState, Study, StudyState
from undisc_node.services.sweeping import finish, sweep
from undisc_node.wiring import Node, build
from undisc_protocol.capability.delegation import COMMAND_READ, read_delegation, sign_share
from undisc_protocol.keys import link_key
from undisc_protocol.log import Event

Facts = dict[str, Any]
Ack = Callable[[str], None]
ACTOR = "sweep"
SIZES = (300, 140_000, 1_100_000)
REPOSITORY, RESTORED = "repository", "restored"  # beside the home
_FETCH_SECONDS = 30.0
FAILED = 3  # exit code of an act that said so


@dataclass(frozen=True, slots=True)
class Flow:
    """One act.

    Attributes:
        prepare: Puts into a home what the act needs; returns what it must know, as JSON.
        act: Does it, and says each thing that is done.
        verify: Raises unless what was said is so, and all else is whole or not there.
    """

    prepare: Callable[[Node, Facts], None]
    act: Callable[[Node, Facts, Ack], None]
    verify: Callable[[Node, Facts, set[str]], None]


class Paused(Exception):
    """A fetch rests, as it does when the disk fails."""


@contextmanager
def started(home: Path) -> Iterator[Node]:
    """Build a node and clear up after a crash, as `serve` does before it opens its doors."""
    with build(config.load(home, os.environ)) as node:
        sweep(node.catalog, node.packs)
        finish(node.catalog, node.packs)
        yield node


# --- What flows are made of -----------------------------------------------------------------------


def _made(number: int = 1, count: int = 3) -> MadeStudy:
    return make_study(number, SIZES[:count], seed=7)


def _store(node: Node, made: MadeStudy, first: int = 0, ack: Ack | None = None) -> None:
    for one in made.instances[first:]:
        outcome = node.receiving.store(BytesSource(one.file), "import")
        assert outcome.status in {"stored", "duplicate"}, outcome
        if ack is not None:
            ack(one.sop_uid)


def _study(node: Node, made: MadeStudy) -> Study | None:
    with node.catalog.look() as records:
        return records.studies.find_uid(made.uid)


def _known(node: Node, made: MadeStudy) -> Study:
    found = _study(node, made)
    assert found is not None, "the study is gone"
    return found


def _held(node: Node, made: MadeStudy) -> dict[str, str]:
    """Read back every current instance; the hash of each by SOP Instance UID."""
    study = _study(node, made)
    if study is None:
        return {}
    detail = node.admin.studies.detail(study.id)
    found = {}
    for stored in detail.current:
        data = b"".join(node.admin.studies.read(study.id, stored.header.id)[1])
        found[stored.header.sop_uid] = blake3_of(data)
        assert found[stored.header.sop_uid] == stored.header.hash.hex()
    assert len(found) == study.instances > 0, "a study that does not add up"
    return found


def _whole(node: Node, made: MadeStudy, said: set[str]) -> None:
    held, right = _held(node, made), made.hashes()
    assert held.items() <= right.items(), "other bytes than were sent"
    assert said & right.keys() <= held.keys(), "acknowledged and lost"


def _expires() -> int:
    return int(time.time()) + 86_400


def _grant(node: Node, made: MadeStudy, peer: Any = None) -> Any:
    return node.admin.granting.create(
        study=_known(node, made).id,
        peer=peer,
        basis=Basis.OPERATOR,
        staff="Dr A. Tester",
        purpose="test",
        expires=_expires(),
        command=COMMAND_READ,
        actor=ACTOR,
    )


def _events(node: Node, kind: str) -> int:
    with node.catalog.look() as records:
        lines = records.log.list(limit=10_000)
    return [Event.decode(line.event).type for line in lines].count(kind)


# --- The flows ------------------------------------------------------------------------------------


def _nothing(node: Node, facts: Facts) -> None:
    """Begin with an empty node."""


def _one_study(node: Node, facts: Facts) -> None:
    _store(node, _made(count=2))


def _one_grant(node: Node, facts: Facts) -> None:
    _one_study(node, facts)
    facts["grant"] = _grant(node, _made(count=2)).grant.id.hex()


def _ingest(node: Node, facts: Facts, ack: Ack) -> None:
    _store(node, _made(), ack=ack)


def _ingested(node: Node, facts: Facts, said: set[str]) -> None:
    _whole(node, _made(), said)
    _store(node, _made())
    assert _held(node, _made()) == _made().hashes()


def _append(node: Node, facts: Facts, ack: Ack) -> None:
    _store(node, _made(), 2, ack)


def _correct(node: Node, facts: Facts, ack: Ack) -> None:
    """Send other bytes under the UID of an instance that is here."""
    changed = _corrected()
    assert node.receiving.store(BytesSource(changed), "import").status == "superseded"
    ack("superseded")


def _corrected() -> bytes:
    content = bytearray(_made(count=2).instances[0].file)
    content[-1] ^= 1
    return bytes(content)


def _is_corrected(node: Node, facts: Facts, said: set[str]) -> None:
    made = _made(count=2)
    first, other = (one.sop_uid for one in made.instances)
    versions = {made.hashes()[first], blake3_of(_corrected())}
    held = _held(node, made)
    assert held.keys() == {first, other}
    assert held[first] in versions
    if "superseded" in said:
        assert held[first] == blake3_of(_corrected())
    detail = node.admin.studies.detail(_known(node, made).id)
    replaced = held[first] == blake3_of(_corrected())
    assert len(detail.superseded) == replaced == _events(node, "instance.superseded")
    if not replaced:
        _correct(node, facts, lambda _what: None)


def _settle(node: Node, facts: Facts, ack: Ack) -> None:
    node.admin.settling.settle(_known(node, _made()).id, ACTOR)
    ack("settled")


def _is_settled(node: Node, facts: Facts, said: set[str]) -> None:
    made = _made(count=2)
    study = _known(node, made)
    assert study.settled_ms or "settled" not in said
    assert bool(study.settled_ms) == bool(_events(node, "study.settled"))
    assert _held(node, made) == made.hashes()
    node.admin.settling.settle(study.id, ACTOR)
    _store(node, _made(), 2)
    assert _held(node, _made()) == _made().hashes()


def _make_grant(node: Node, facts: Facts, ack: Ack) -> None:
    ack(_grant(node, _made()).grant.id.hex())


def _is_granted(node: Node, facts: Facts, said: set[str]) -> None:
    with node.catalog.look() as records:
        grants = records.grants.list()
    assert said <= {one.id.hex() for one in grants}
    assert len(grants) == _events(node, "grant.created")
    _grant(node, _made())


def _link(node: Node, facts: Facts) -> None:
    _one_study(node, facts)
    granted = _grant(node, _made(count=2))
    facts["secret"] = granted.link_secret.hex()
    token = read_delegation(granted.grant.token)
    facts["share"] = sign_share(
        link_key(granted.link_secret),
        audience=facts["other"],
        subject=node.admin.status.status()["did"],
        study=token.policy.study,
        command=COMMAND_READ,
        nonce=bytes(12),
        not_before=int(time.time()),
        expires=token.expires,
    ).hex()


def _register(node: Node, facts: Facts, ack: Ack) -> None:
    shared = node.admin.sharing.register(bytes.fromhex(facts["share"]), ACTOR)
    ack(shared.share.id.hex())


def _is_registered(node: Node, facts: Facts, said: set[str]) -> None:
    with node.catalog.look() as records:
        shares = records.shares.list()
    assert said <= {one.id.hex() for one in shares}
    assert len(shares) == _events(node, "share.registered")
    node.admin.sharing.register(bytes.fromhex(facts["share"]), ACTOR)


def _revoke(node: Node, facts: Facts, ack: Ack) -> None:
    node.admin.revoking.grant(bytes.fromhex(facts["grant"]), ACTOR)
    ack("revoked")


def _is_revoked(node: Node, facts: Facts, said: set[str]) -> None:
    name = bytes.fromhex(facts["grant"])

    def revoked() -> bool:
        with node.catalog.look() as records:
            grant = records.grants.get(name)
        assert grant is not None, "the grant is gone"
        return grant.revoked_ms is not None

    assert revoked() or "revoked" not in said, "revoked and valid again"
    assert revoked() == bool(_events(node, "grant.revoked"))
    node.admin.revoking.grant(name, ACTOR)
    assert revoked()


def _hold(node: Node, facts: Facts, ack: Ack) -> None:
    node.admin.studies.hold(_known(node, _made()).id, "test", ACTOR)
    ack("held")


def _is_on_hold(node: Node, facts: Facts, said: set[str]) -> None:
    state = _known(node, _made()).state
    assert state is StudyState.HELD or "held" not in said
    assert (state is StudyState.HELD) == bool(_events(node, "study.held"))


def _delete(node: Node, facts: Facts, ack: Ack) -> None:
    node.admin.studies.delete(_known(node, _made()).id, ACTOR)
    ack("deleted")


def _is_deleted(node: Node, facts: Facts, said: set[str]) -> None:
    made = _made(count=2)
    gone = _study(node, made) is None
    assert gone or "deleted" not in said, "deleted and back"
    assert gone == bool(_events(node, "study.deleted"))
    if gone:
        assert not list((node.settings.home / "packs").iterdir()), "bytes of a deleted study"
        return
    assert _held(node, made) == made.hashes()
    _delete(node, facts, lambda _what: None)


def _back_up(node: Node, facts: Facts, ack: Ack) -> None:
    made = backups.back_up(
        node.settings,
        _repository(node),
        keep=3,
        keyring_days=0,
        progress=lambda *_: None,
    )
    ack(made.snapshot.name)


def _repository(node: Node) -> Path:
    return node.settings.home.parent / REPOSITORY


def _one_backup(node: Node, facts: Facts) -> None:
    _one_study(node, facts)
    _back_up(node, facts, lambda _what: None)
    _store(node, _made(), 2)


def _is_backed_up(node: Node, facts: Facts, said: set[str]) -> None:
    if _repository(node).exists():
        try:
            listed = backups.list_backups(node.settings, _repository(node))
        except NotFound:
            listed = []
        assert not [one.problem for one in listed if one.problem]
        assert said <= {one.name for one in listed}, "a snapshot that was acknowledged is gone"
    names: list[str] = []
    _back_up(node, facts, names.append)
    assert names[0] in {one.name for one in backups.list_backups(node.settings, _repository(node))}


def _fetch(node: Node, facts: Facts, ack: Ack) -> None:
    offer = bytes.fromhex(facts["offer"])
    name = node.fetching.start(offer, ACTOR).id
    ack(name.hex())
    _await_fetch(node, name)
    ack("done")


def _await_fetch(node: Node, name: bytes) -> None:
    """Wait until the run of a fetch has ended; its receipt may be due still."""
    node.fetching._runs[name][1].result(_FETCH_SECONDS)
    with node.catalog.look() as records:
        row = records.fetches.get(name)
    assert row is not None, "the fetch is gone"
    if row.state is FetchState.PAUSED or row.state is FetchState.RUNNING:
        raise Paused(row.problem)
    assert row.state is FetchState.DONE, row.problem


def _is_fetched(node: Node, facts: Facts, said: set[str]) -> None:
    made = make_study(facts["number"], facts["sizes"], seed=facts["seed"])
    visible = _study(node, made) is not None
    assert visible or "done" not in said, "fetched and gone"
    if visible:
        assert _held(node, made) == made.hashes(), "a study by halves"
    with node.catalog.look() as records:
        rows = {one.id.hex(): one for one in records.fetches.list()}
    assert said - {"done"} <= rows.keys()
    if rows:
        for row in rows.values():
            assert (row.state is FetchState.DONE) == visible, row
            if row.state is not FetchState.DONE or row.receipt_due:
                node.fetching.resume(row.id, ACTOR)
                _await_fetch(node, row.id)
    else:
        _fetch(node, facts, lambda _what: None)
    assert _held(node, made) == made.hashes()


def _one_to_restore(node: Node, facts: Facts) -> None:
    """Back up a grant, and revoke it only afterwards."""
    _one_grant(node, facts)
    _back_up(node, facts, lambda _what: None)
    _revoke(node, facts, lambda _what: None)


def _restore(node: Node, facts: Facts, ack: Ack) -> None:
    home = node.settings.home
    restores.restore(
        home.parent / RESTORED,
        _repository(node),
        restores.KeptKeys(home / "keys"),
        wanted=None,
        progress=lambda *_: None,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    ack("restored")


def _is_restored(node: Node, facts: Facts, said: set[str]) -> None:
    """A home is there whole or not at all, and what was revoked since is not valid in it."""
    home = node.settings.home.parent / RESTORED
    complete = (home / "identity-0").exists()
    assert complete or "restored" not in said, "restored and gone"
    if not complete:
        _restore(node, facts, lambda _what: None)
    with started(home) as again:
        made = _made(count=2)
        assert _held(again, made) == made.hashes()
        with again.catalog.look() as records:
            assert records.restored.is_suspended(bytes.fromhex(facts["grant"]))
        again.admin.auditing.verify()
    assert leftovers(home) == []


FLOWS: Mapping[str, Flow] = {
    "ingest": Flow(_nothing, _ingest, _ingested),
    "append": Flow(_one_study, _append, _ingested),
    "correct": Flow(_one_study, _correct, _is_corrected),
    "settle": Flow(_one_study, _settle, _is_settled),
    "grant": Flow(_one_study, _make_grant, _is_granted),
    "share": Flow(_link, _register, _is_registered),
    "revoke": Flow(_one_grant, _revoke, _is_revoked),
    "hold": Flow(_one_study, _hold, _is_on_hold),
    "delete": Flow(_one_study, _delete, _is_deleted),
    "backup": Flow(_one_study, _back_up, _is_backed_up),
    "backup again": Flow(_one_backup, _back_up, _is_backed_up),
    "restore": Flow(_one_to_restore, _restore, _is_restored),
    "fetch": Flow(_nothing, _fetch, _is_fetched),
}


# --- In the child ---------------------------------------------------------------------------------


def prepare(name: str, home: str, facts: Facts) -> None:
    """Put what a flow needs into a home; print the facts."""
    with started(Path(home)) as node:
        FLOWS[name].prepare(node, facts)
    print(json.dumps(facts), flush=True)


def act(name: str, home: str, facts: Facts) -> int:
    """Do it; print what is done, one line each; return 3 when it failed as things may fail."""
    try:
        with started(Path(home)) as node:
            FLOWS[name].act(node, facts, lambda what: _say(f"done {what}"))
    except (ServiceError, Paused) as problem:
        _say(f"failed {type(problem).__name__}: {problem}")
        return FAILED
    return 0


def _say(what: str) -> None:
    """Tell, unless telling is what fails."""
    with suppress(OSError):
        os.write(1, f"{what}\n".encode())


def verify(name: str, home: str, facts: Facts, said: list[str]) -> None:
    """Prove what must be true."""
    with started(Path(home)) as node:
        assert node.admin.auditing.verify().size >= facts.get("lines", 0)
        assert (found := leftovers(Path(home))) == [], f"lies about: {found}"
        FLOWS[name].verify(node, facts, set(said))
        found = leftovers(Path(home), backup=name.startswith("backup"))
        assert found == [], f"lies about afterwards: {found}"
        node.admin.auditing.verify()
