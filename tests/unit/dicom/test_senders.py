"""An address decides who is talking; an AE title can only narrow it."""

from __future__ import annotations

import pytest

from undisc_node.dicom.senders import Sender, Senders
from undisc_node.services.errors import Invalid

SENDERS = Senders(
    [
        Sender("ct", "10.1.2.3", "CT1"),
        Sender("ward", "10.1.2.0/24"),
        Sender("mr", "fd00::7"),
    ]
)


@pytest.mark.parametrize(
    ("address", "title", "name"),
    [
        ("10.1.2.3", "CT1", "ct"),
        ("10.1.2.3", "CT1  ", "ct"),
        ("10.1.2.3", "OTHER", "ward"),
        ("10.1.2.9", "CT1", "ward"),
        ("::ffff:10.1.2.9", "CT1", "ward"),
        ("fd00::7", "ANY", "mr"),
        ("fd00::7%eth0", "ANY", "mr"),
        ("10.1.3.3", "CT1", None),
        ("fd00::8", "MR", None),
    ],
)
def test_who_is_at_an_address(address, title, name):
    sender = SENDERS.identify(address, title)
    assert (sender.name if sender else None) == name


def test_a_title_is_needed_where_one_is_configured():
    senders = Senders([Sender("ct", "10.1.2.3", "CT1")])
    assert senders.identify("10.1.2.3", "CT2") is None
    assert senders.at("10.1.2.3")


@pytest.mark.parametrize("address", ["ct.example", "10.1.2.3/24", "10.1.2", "", "*"])
def test_an_address_that_cannot_be_read_is_refused_at_the_start(address):
    with pytest.raises(Invalid, match="'ct'") as caught:
        Senders([Sender("ct", address)])
    assert caught.value.reason == "bad_address"
