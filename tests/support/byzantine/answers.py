"""Answers that a trusted holder signed, or seems to have signed, and that say what is not so."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from support.byzantine.server import Behaviour, Server
from support.hostile_peer import Reply, now
from support.lying_holder import LyingHolder, held_object
from support.two_nodes import dicom_file, pixels
from undisc_protocol.answer import sign_answer
from undisc_protocol.boxes import box_seal
from undisc_protocol.dagcbor import Cid
from undisc_protocol.exchange import Granted, Request
from undisc_protocol.keys import SignKey
from undisc_protocol.manifest import Manifest, ManifestObject

ALWAYS = 1_000_000
STRANGER = SignKey.from_seed(b"stranger" * 4)


def _says(lie: Callable[[LyingHolder, bytes, Request, Granted], bytes | Reply]):
    """Replace the sealed answer."""

    def begin(server: Server) -> None:
        holder, last = server.holder, {}

        def remember(granted: Granted, _request: Request) -> Granted:
            last["granted"] = granted
            return granted

        holder.times = ALWAYS
        holder.lie_granted = remember
        holder.lie_answer = lambda answer, request: lie(holder, answer, request, last["granted"])

    return begin


def _manifest(change: Callable[[Manifest], Manifest]):
    """Change the manifest before it is signed."""

    def begin(server: Server) -> None:
        server.holder.times = ALWAYS
        server.holder.lie_granted = lambda granted, _request: replace(
            granted, manifest=change(granted.manifest)
        )

    return begin


def _first(**changes: object):
    """Change fields of the first object in the manifest."""

    def change(manifest: Manifest) -> Manifest:
        first, *rest = manifest.objects
        return replace(manifest, objects=(replace(first, **changes), *rest))

    return _manifest(change)


def _signed(**changes: object):
    """Sign an answer with fields that our own library would not sign."""

    def lie(holder: LyingHolder, _answer: bytes, request: Request, granted: Granted) -> bytes:
        said: dict[str, object] = {
            "inv": _invocation(request),
            "manifest": granted.manifest.to_value(),
            "ticket": granted.ticket,
            "until": now() + 600,
            "checkpoint": {"origin": bytes(16), "size": 0, "root": bytes(32)},
        }
        wanted = {
            name: change(said[name]) if callable(change) else change
            for name, change in changes.items()
        }
        signed = sign_answer(holder.node.key, request=request.hash, at=now(), ok={**said, **wanted})
        return holder.sealed(signed, request)

    return _says(lie)


def _invocation(request: Request) -> Cid:
    return Cid.of(request.invocation)


def _listed(change: Callable[[list], list]):
    return _signed(manifest=lambda said: {**said, "objects": change(list(said["objects"]))})


def _cell(row: int, column: int, value: object):
    def change(listed: list) -> list:
        listed[row] = [*listed[row][:column], value, *listed[row][column + 1 :]]
        return listed

    return _listed(change)


def _replay(server: Server) -> None:
    """Keep the first answer, and give it to every later request."""
    kept: list[bytes] = []

    def lie(_holder: LyingHolder, answer: bytes, _request: Request, _granted: Granted) -> bytes:
        kept.append(answer)
        return bytes(len(answer)) if len(kept) == 1 else kept[0]

    _says(lie)(server)


def _other_file(number: int, study: str) -> bytes:
    return dicom_file(number, study=study, extra=pixels(b"other" * 900))


def _other_study_inside(server: Server) -> None:
    """The manifest says one study, the images inside say another patient's."""
    holder = server.holder
    holder.objects = [held_object(_other_file(one, "1.2.99")) for one in (1, 2)]


def _mixed(server: Server) -> None:
    """One image of the study, and one of another, in one manifest."""
    holder = server.holder
    holder.objects[1] = held_object(_other_file(2, "1.2.99"))


def _uids_swapped(manifest: Manifest) -> Manifest:
    """Each image under the other's UID."""
    one, two = manifest.objects
    return replace(
        manifest, objects=(replace(one, sop_uid=two.sop_uid), replace(two, sop_uid=one.sop_uid))
    )


def _keys_swapped(manifest: Manifest) -> Manifest:
    one, two = manifest.objects
    return replace(manifest, objects=(replace(one, key=two.key), replace(two, key=one.key)))


def _order_swapped(manifest: Manifest) -> Manifest:
    return replace(manifest, objects=manifest.objects[::-1])


def _twice(listed: list) -> list:
    return [*listed, listed[0]]


def _overlapping(listed: list) -> list:
    """Two objects of which the second lies in what is the first's: same id, other UID."""
    again = list(listed[0])
    again[7] = "1.2.77.1.9"
    return [*listed, again]


_ID, _CODEC, _SIZE, _SERIES_UID, _SOP_UID = 0, 2, 3, 6, 7
_UNSIGNED = b'{"error":{"code":"revoked","message":"no","hint":""}}'


def _grown(entry: Manifest) -> Manifest:
    first, *rest = entry.objects
    longer: ManifestObject = replace(first, size=first.size + 1)
    return replace(entry, objects=(longer, *rest))


ANSWERS = tuple(
    Behaviour(name, begin=begin)
    for name, begin in (
        ("unsigned refusal", _says(lambda *_: Reply(403, _UNSIGNED))),
        ("unsigned answer", _says(lambda h, a, r, g: h.sealed(b"\xa0", r))),
        ("answer signed by a stranger", _says(lambda h, a, r, g: h.answer(g, r, key=STRANGER))),
        ("replayed answer", _replay),
        (
            "answer to another request",
            _says(lambda h, a, r, g: h.answer(g, replace(r, hash=bytes(32)))),
        ),
        (
            "answer to another invocation",
            _says(lambda h, a, r, g: h.answer(g, r, invocation=Cid.of(b"other"))),
        ),
        (
            "answer sealed to another key",
            _says(
                lambda h, a, r, g: h.answer(g, r, reply_to=bytes(h.node.box.public_key))
            ),
        ),
        ("answer changed in one bit", _says(lambda h, a, r, g: a[:-1] + bytes([a[-1] ^ 1]))),
        ("answer cut short", _says(lambda h, a, r, g: a[:-40])),
        ("deep nesting, sealed", _says(lambda h, a, r, g: h.sealed(b"\x81" * 90_000, r))),
        (
            "the asker's own request",
            _says(lambda h, a, r, g: box_seal(r.hash, b"x", ephemeral=secrets.token_bytes(32))),
        ),
        ("another study's name for all images", _manifest(
            lambda one: replace(one, study=replace(one.study, uid="1.2.98"))
        )),
        ("images of another study", _other_study_inside),
        ("images of two studies", _mixed),
        ("UIDs swapped", _manifest(_uids_swapped)),
        ("keys swapped", _manifest(_keys_swapped)),
        ("objects swapped", _manifest(_order_swapped)),
        ("wrong BLAKE3", _first(hash=bytes(32))),
        ("wrong object id", _first(id=bytes(16))),
        ("one byte more than there is", _manifest(_grown)),
        ("an object twice", _listed(_twice)),
        ("overlapping objects", _listed(_overlapping)),
        ("unknown codec", _cell(0, _CODEC, "zip")),
        ("negative size", _cell(0, _SIZE, -1)),
        ("object of a terabyte", _cell(0, _SIZE, 2**40)),
        ("path as UID", _cell(0, _SOP_UID, "../../../etc/passwd")),
        ("control characters as UID", _cell(0, _SERIES_UID, "1.2\n3")),
        ("short object id", _cell(0, _ID, b"short")),
        ("no object at all", _listed(lambda _: [])),
        ("short ticket", _signed(ticket=bytes(31))),
        ("ticket without an end", _signed(until=now() + 86_400)),
        ("ticket that is over", _signed(until=0)),
        ("one more field", _signed(extra=1)),
    )
)  # fmt: skip
