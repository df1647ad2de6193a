"""Connections are counted."""

from __future__ import annotations

from undisc_node.dicom.bounds import Admission, Bounds


def test_strangers_share_a_part_of_all_connections():
    admission = Admission(Bounds(per_address=2, connections=4, strangers=2))
    assert admission.enter("a", stranger=True)
    assert admission.enter("b", stranger=True)
    assert not admission.enter("c", stranger=True)
    assert admission.enter("c")
    assert admission.enter("a")  # who was let in meanwhile
    admission.leave("a")
    assert not admission.enter("c", stranger=True)
    admission.leave("a")
    assert admission.enter("c", stranger=True)


def test_connections_are_counted_per_address_and_in_total():
    admission = Admission(Bounds(per_address=2, connections=3))
    assert admission.enter("a")
    assert admission.enter("a")
    assert not admission.enter("a")
    assert admission.enter("b")
    assert not admission.enter("c")
    admission.leave("a")
    assert admission.enter("c")
