"""Cases of SPEC.md §7: events, leaves and the tree, checkpoints, proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vectorfile import Vector, fixed

from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import (
    BadFields,
    Malformed,
    Oversize,
    RemoteProtocolError,
    Tampered,
)
from undisc_protocol.log import Actor, Event, Subject
from undisc_protocol.tree import (
    Checkpoint,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
)

_EVENT = Event(
    at=1_800_000_000_000,
    id="110113",
    type="grant.created",
    action="C",
    outcome=0,
    who=(Actor("anna", "Anna \u00c4rztin", "administrator", requestor=True, net="192.0.2.1"),),
    what=(Subject(2, 13, "grant", "ab12"), Subject(1, 1, "2", "4711", "M\u00fcller^\u00c4nne")),
    why="treatment",
    detail={"days": 30, "note": "on the phone"},
)
_ORIGIN = fixed("origin", 16)
_LEAVES = [leaf_hash(fixed(f"salt {number}"), b"event") for number in range(13)]


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _events()
    yield from _leaves()
    yield from _checkpoints()
    yield from _inclusion()
    yield from _consistency()


def _events() -> Iterator[Vector]:
    encoded = _EVENT.encode()
    value = dagcbor.decode(encoded, limit=limits.MAX_EVENT)
    assert isinstance(value, dict)

    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             raw: bytes) -> Vector:  # fmt: skip
        return Vector(
            section="7.1", row=row, name=name, what="event", expect=error, comment=comment,
            parts={"bytes": raw}, results={} if error else {"encoded": raw.hex()},
        )  # fmt: skip

    def wrong(row: str, name: str, comment: str, change: Mapping[str, Value],
              error: type[RemoteProtocolError] = BadFields) -> Vector:  # fmt: skip
        return case(row, name, error, comment, dagcbor.encode(value | change))

    yield case("A1", "full", None, "every field", encoded)
    bare = Event(0, "110100", "node.started", "E", 12, (Actor("node"),))
    yield case("A1", "bare", None, "one participant and nothing else", bare.encode())
    large = bytes(limits.MAX_EVENT + 1)
    yield case("R01", "large", Oversize, "more than 8192 bytes", large)
    actor = Actor("a").to_value()
    yield wrong("R01", "actors", "nine participants", {"who": [actor] * 9}, Oversize)
    subject = Subject(1, 1, "2", "b").to_value()
    yield wrong("R01", "subjects", "seventeen subjects", {"what": [subject] * 17}, Oversize)
    yield wrong("R01", "details", "33 further facts",
                {"detail": {str(number): number for number in range(33)}}, Oversize)  # fmt: skip
    yield case("R02", "trailing", Malformed, "a byte follows", encoded + b"\x00")
    yield wrong("R03", "version", "an event of version 2", {"v": 2})
    yield wrong("R03", "unknown", "an unknown field", {"more": 1})
    yield wrong("R03", "nobody", "no participant", {"who": []})
    yield wrong("R03", "no-user", "a participant without a name", {"who": [Actor("").to_value()]})
    yield wrong("R03", "long-text", "a text of 513 characters", {"why": "x" * 513})
    yield wrong("R03", "bytes-detail", "a fact that is neither text nor integer",
                {"detail": {"a": b"b"}})  # fmt: skip
    yield wrong("R03", "true-detail", "a fact that is true", {"detail": {"a": True}})
    yield wrong("R04", "action", "an action that does not exist", {"action": "X"})
    yield wrong("R04", "outcome", "an outcome that does not exist", {"outcome": 1})
    yield wrong("R04", "kind", "a kind of subject that does not exist",
                {"what": [Subject(3, 1, "2", "b").to_value()]})  # fmt: skip


def _leaves() -> Iterator[Vector]:
    salt = fixed("salt")
    yield Vector(
        section="7.2", row="A1", name="leaf", what="leaf", expect=None, comment="a leaf",
        parts={"salt": salt, "event": _EVENT.encode()},
        results={"leaf": leaf_hash(salt, _EVENT.encode()).hex()},
    )  # fmt: skip
    for size in (0, 1, 2, 3, 8, 13):
        yield Vector(
            section="7.2", row="A2", name=f"tree-{size}", what="tree", expect=None,
            comment="the root over some leaves", parts={"leaves": b"".join(_LEAVES[:size])},
            results={"root": tree_root(_LEAVES[:size]).hex()},
        )  # fmt: skip


def _checkpoint(size: int) -> Checkpoint:
    return Checkpoint(_ORIGIN, size, tree_root(_LEAVES[:size]))


def _checkpoints() -> Iterator[Vector]:
    def case(row: str, name: str, error: type[RemoteProtocolError] | None, comment: str,
             value: Value) -> Vector:  # fmt: skip
        return Vector(
            section="7.3", row=row, name=name, what="checkpoint", expect=error, comment=comment,
            parts={"bytes": dagcbor.encode(value)},
            results={} if error else {"size": "13", "root": _checkpoint(13).root.hex()},
        )  # fmt: skip

    value = _checkpoint(13).to_value()
    assert isinstance(value, dict)
    yield case("A1", "checkpoint", None, "a checkpoint", value)
    yield case("R01", "no-origin", BadFields, "which log is missing",
               {"size": 13, "root": value["root"]})  # fmt: skip
    yield case("R01", "negative", BadFields, "fewer than no lines", value | {"size": -1})
    yield case("R01", "short-root", BadFields, "a root of 31 bytes", value | {"root": bytes(31)})


def _inclusion() -> Iterator[Vector]:
    def case(row: str, name: str, comment: str, *, leaf: bytes = _LEAVES[5], number: int = 5,
             size: int = 13, proof: Sequence[bytes] = inclusion_proof(_LEAVES, 5),
             root: bytes = tree_root(_LEAVES)) -> Vector:  # fmt: skip
        return Vector(
            section="7.4", row=row, name=name, what="inclusion", comment=comment,
            expect=Tampered if row.startswith("R") else None,
            headers={"number": str(number), "size": str(size)},
            parts={"leaf": leaf, "proof": b"".join(proof), "root": root},
        )  # fmt: skip

    proof = inclusion_proof(_LEAVES, 5)
    yield case("A1", "sixth", "line 5 of 13")
    last = inclusion_proof(_LEAVES, 12)
    yield case("A1", "last", "line 12 of 13", leaf=_LEAVES[12], number=12, proof=last)
    yield case("A1", "only", "the only line of a log", leaf=_LEAVES[0], number=0, size=1, proof=(),
               root=_LEAVES[0])  # fmt: skip
    yield case("R01", "other-leaf", "another line", leaf=_LEAVES[6])
    yield case("R01", "other-place", "another place", number=4)
    yield case("R01", "other-root", "another root", root=tree_root(_LEAVES[:12]))
    yield case("R01", "swapped", "two hashes of the proof change places",
               proof=(proof[1], proof[0], *proof[2:]))  # fmt: skip
    yield case("R02", "outside", "a place outside the log", number=13)
    yield case("R02", "short", "a proof without its last hash", proof=proof[:-1])
    yield case("R02", "long", "a proof with a further hash", proof=(*proof, proof[0]))


def _consistency() -> Iterator[Vector]:
    def case(row: str, name: str, comment: str, earlier: Checkpoint, later: Checkpoint,
             proof: Sequence[bytes]) -> Vector:  # fmt: skip
        return Vector(
            section="7.4", row=row, name=name, what="consistency", comment=comment,
            expect=Tampered if row.startswith("R") else None,
            parts={
                "earlier": dagcbor.encode(earlier.to_value()),
                "later": dagcbor.encode(later.to_value()),
                "proof": b"".join(proof),
            },
        )  # fmt: skip

    for size in (1, 6, 8, 12):
        yield case("A2", f"grown-{size}", "a log that only grew", _checkpoint(size),
                   _checkpoint(13), consistency_proof(_LEAVES, size))  # fmt: skip
    yield case("A2", "same", "nothing happened", _checkpoint(13), _checkpoint(13), ())
    yield case("A2", "from-empty", "a log that was empty", _checkpoint(0), _checkpoint(13), ())
    rewritten = [*_LEAVES[:2], leaf_hash(fixed("other salt"), b"event"), *_LEAVES[3:]]
    now = Checkpoint(_ORIGIN, 13, tree_root(rewritten))
    yield case("R03", "rewritten", "a line below the earlier checkpoint was changed",
               _checkpoint(6), now, consistency_proof(rewritten, 6))  # fmt: skip
    yield case("R03", "same-size", "the same size with another root", _checkpoint(13), now, ())
    yield case("R03", "shorter", "a log that lost lines", _checkpoint(13), _checkpoint(6), ())
    other = Checkpoint(fixed("another origin", 16), 13, _checkpoint(13).root)
    yield case("R04", "other-log", "checkpoints of two logs", _checkpoint(6), other,
               consistency_proof(_LEAVES, 6))  # fmt: skip
    yield case("R02", "no-growth-proof", "a proof is missing", _checkpoint(6), _checkpoint(13), ())
    yield case("R02", "needless", "a proof where none is due", _checkpoint(0), _checkpoint(13),
               _LEAVES[:1])  # fmt: skip
