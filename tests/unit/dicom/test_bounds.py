"""Connections are counted."""

from __future__ import annotations

from undisc_node.dicom.bounds import Admission, Bounds


def test_connections_are_counted_per_address_and_in_total():
    admission = Admission(Bounds(per_address=2, connections=3))
    assert admission.enter("a")
    assert admission.enter("a")
    assert not admission.enter("a")
    assert admission.enter("b")
    assert not admission.enter("c")
    admission.leave("a")
    assert admission.enter("c")
