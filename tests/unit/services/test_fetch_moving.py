"""A ticket's stream is cut into runs that hold exactly what is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.parties import granted_object, label
from undisc_node.services import fetch_moving
from undisc_node.services.fetch_moving import segments
from undisc_protocol import limits
from undisc_protocol.exchange import Granted
from undisc_protocol.manifest import Manifest, ManifestStudy
from undisc_protocol.pack import PatientIdentity, chunk_span

SIZES = [0, 1, 1_000, limits.CHUNK, limits.CHUNK + 1, 3 * limits.CHUNK + 7]


def answer(sizes):
    """Return an answer for objects of these sizes."""
    objects = tuple(granted_object(f"object {number}", size) for number, size in enumerate(sizes))
    manifest = Manifest(ManifestStudy("1.2.3", PatientIdentity("Doe^Jane")), objects)
    return Granted(manifest, label("ticket"), 0, 600, None)


def missing(granted, needed, half):
    """List the ranges of the stream that are missing, object by object."""
    found = []
    for number, listed in enumerate(granted.manifest.objects):
        if listed.id in needed:
            span = granted.manifest.span(number)
            skipped = chunk_span(listed.size, half[listed.id])[0] if half.get(listed.id) else 0
            found.append((listed.id, half.get(listed.id, 0), span.start + skipped, span.stop))
    return found


def covered(granted, cut):
    """List the same ranges as a receiver takes them from the segments, one after the other."""
    numbers = {listed.id: number for number, listed in enumerate(granted.manifest.objects)}
    found = []
    for segment in cut:
        position = segment.start
        for part in segment.parts:
            listed = granted.manifest.objects[numbers[part.object_id]]
            span = granted.manifest.span(numbers[part.object_id])
            skipped = chunk_span(listed.size, part.first_chunk)[0] if part.first_chunk else 0
            assert position == span.start + skipped  # the bytes that come are the bytes meant
            found.append((part.object_id, part.first_chunk, position, span.stop))
            position = span.stop
        assert position == segment.stop
    return found


@given(
    st.lists(
        st.tuples(st.sampled_from(SIZES), st.booleans(), st.integers(0, 3)), min_size=1, max_size=8
    )
)
def test_segments_hold_what_is_missing_and_nothing_else(described):
    """Any mixture of objects that are here, half here and missing."""
    granted = answer([size for size, _, _ in described])
    needed, half = [], {}
    for listed, (_, is_needed, chunks) in zip(granted.manifest.objects, described, strict=True):
        if is_needed:
            needed.append(listed.id)
            if 0 < chunks < listed.chunks:
                half[listed.id] = chunks
    cut = segments(granted, needed, half)
    assert covered(granted, cut) == missing(granted, set(needed), half)


def test_neighbours_travel_together_until_a_segment_is_full(monkeypatch):
    """Small objects share a request; a large study is shared between the connections."""
    monkeypatch.setattr(fetch_moving, "SEGMENT", 3_000)
    granted = answer([1_000] * 7)
    cut = segments(granted, [listed.id for listed in granted.manifest.objects], {})
    assert [len(segment.parts) for segment in cut] == [3, 3, 1]


@pytest.mark.parametrize("needed", [[], [b"of no object at a"]])
def test_nothing_missing_is_no_segment(needed):
    assert segments(answer([1_000]), needed, {}) == []
