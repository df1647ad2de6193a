"""The manifest (SPEC.md §6.4)."""

from dataclasses import replace
from hashlib import sha256

import pytest

from support.damage import refused
from support.parties import MANIFEST, granted_object, label
from undisc_protocol import dagcbor, limits
from undisc_protocol.errors import BadFields, LocalProtocolError, Oversize
from undisc_protocol.manifest import Manifest, ManifestObject, ManifestStudy
from undisc_protocol.pack import PatientIdentity


def reread(manifest):
    encoded = dagcbor.encode(manifest.to_value())
    return Manifest.from_value(dagcbor.decode(encoded, limit=limits.MAX_ANSWER))


def test_a_manifest_comes_back_as_it_was():
    empty = replace(MANIFEST, objects=())
    assert reread(MANIFEST) == MANIFEST
    assert reread(empty) == empty


def test_spans_follow_each_other_through_the_stream():
    """The stream is the ciphertexts one after the other, and nothing between."""
    first, second = MANIFEST.objects
    assert MANIFEST.span(0) == (0, first.stored)
    assert MANIFEST.span(1) == (first.stored, first.stored + second.stored)
    assert MANIFEST.stored == first.stored + second.stored
    assert MANIFEST.size == first.size + second.size
    assert replace(MANIFEST, objects=()).stored == 0
    for number in (-1, 2):
        with pytest.raises(LocalProtocolError):
            MANIFEST.span(number)


def test_the_hash_is_over_the_encoding():
    assert MANIFEST.hash == sha256(dagcbor.encode(MANIFEST.to_value())).digest()
    other = replace(MANIFEST, objects=MANIFEST.objects[::-1])
    assert other.hash != MANIFEST.hash


def test_the_receiver_keeps_the_object_under_its_own_header():
    """Key, hash and UIDs stay; sender, arrival and what is superseded are the receiver's."""
    one = MANIFEST.objects[0]
    header = one.to_header(sender="peer:ab", at_ms=5, replaces=label("older", 16))
    assert (header.sender, header.at_ms, header.replaces) == ("peer:ab", 5, label("older", 16))
    assert ManifestObject.from_header(header, series=one.series) == one
    assert (one.chunks, one.stored) == (header.chunks, header.stored)
    header.encode()


def test_no_key_is_in_what_python_shows_of_a_manifest():
    shown = repr(MANIFEST.objects[0])
    assert label("one key").hex() not in shown
    assert repr(label("one key")) not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"id": bytes(17)},
        {"key": bytes(33)},
        {"codec": ""},
        {"size": limits.MAX_OBJECT + 1},
        {"hash": b""},
        {"series": bytes(15)},
        {"series_uid": "1 2"},
        {"sop_uid": ""},
        {"sop_class": "1" * 65},
        {"syntax": "x"},
        {"modality": "M" * 257},
        {"number": -(2**31) - 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_object_outside_its_bounds_is_refused_on_both_sides(changes):
    wrong = granted_object("one", **changes)
    value = {"study": MANIFEST.study.to_value(), "objects": [wrong.to_value()]}
    assert isinstance(refused(Manifest.from_value, value), BadFields)
    with pytest.raises(LocalProtocolError):
        replace(MANIFEST, objects=(wrong,)).check_own()


@pytest.mark.parametrize("shared", ["id", "sop_uid"])
def test_no_object_is_named_twice(shared):
    """A holder could otherwise choose later which of the two it meant."""
    first, second = MANIFEST.objects
    twice = replace(second, **{shared: getattr(first, shared)})
    assert isinstance(refused(reread, replace(MANIFEST, objects=(first, twice))), BadFields)


def test_a_manifest_of_too_many_objects_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAX_OBJECTS", 1)
    assert isinstance(refused(reread, MANIFEST), Oversize)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"study": MANIFEST.study.to_value()},
        {"study": MANIFEST.study.to_value(), "objects": {}},
        {"study": MANIFEST.study.to_value(), "objects": [[]]},
        {"study": MANIFEST.study.to_value(), "objects": [], "more": 1},
        {"study": [], "objects": []},
        {"study": ManifestStudy("", PatientIdentity()).to_value(), "objects": []},
        {"study": ManifestStudy("1", PatientIdentity("x" * 257)).to_value(), "objects": []},
    ],
)
def test_what_is_not_exactly_a_manifest_is_refused(value):
    assert isinstance(refused(Manifest.from_value, value), BadFields)
