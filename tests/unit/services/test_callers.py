"""An address or a certificate decides who is calling; an AE title can only narrow it."""

from __future__ import annotations

import pytest

from undisc_node.services.callers import Callers
from undisc_node.services.errors import Invalid
from undisc_node.services.sender_model import Caller, Sender, SenderState

PRINT, OTHER = b"p" * 32, b"o" * 32
SENDERS = Callers(
    [
        Sender("ct", "10.1.2.3", "CT1"),
        Sender("ward", "10.1.2.0/24"),
        Sender("mr", "fd00::7"),
        Sender("gone", "10.1.2.66", state=SenderState.REMOVED),
        Sender("us", "10.1.2.77", fingerprint=PRINT),
        Sender("travelling", fingerprint=OTHER),
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
        ("10.1.2.66", "CT1", None),
    ],
)
def test_who_is_at_an_address(address, title, name):
    caller = SENDERS.identify(address, title)
    assert (caller.name if caller else None) == name


@pytest.mark.parametrize(
    ("address", "fingerprint", "name"),
    [
        ("10.1.2.77", PRINT, "us"),
        ("10.1.2.77", OTHER, "travelling"),
        ("192.0.2.1", OTHER, "travelling"),
        ("192.0.2.1", PRINT, None),
        ("192.0.2.1", b"", None),
    ],
)
def test_who_shows_a_certificate(address, fingerprint, name):
    """Without the certificate an address does not stand for a sender that has one pinned."""
    caller = SENDERS.identify(address, "ANY", fingerprint)
    assert (caller.name if caller else None) == name


def test_an_address_alone_does_not_stand_for_a_pinned_certificate():
    senders = Callers([Sender("us", "10.1.2.77", fingerprint=PRINT)])
    assert not senders.admits("10.1.2.77", secured=False)
    assert senders.admits("10.1.2.77", secured=True)
    assert not senders.admits("10.1.2.78", secured=True)
    assert senders.identify("10.1.2.77", "US") is None


def test_a_sender_known_by_its_certificate_may_come_from_anywhere():
    senders = Callers([Sender("travelling", fingerprint=OTHER)])
    assert senders.admits("192.0.2.1", secured=True)
    assert not senders.admits("192.0.2.1", secured=False)


def test_a_title_is_needed_where_one_is_configured():
    senders = Callers([Sender("ct", "10.1.2.3", "CT1")])
    assert senders.identify("10.1.2.3", "CT2") is None
    assert senders.at("10.1.2.3")


def test_a_stranger_is_let_into_quarantine_only_where_that_is_wanted():
    row = Sender("MR@192.0.2.1", "192.0.2.1", "MR", state=SenderState.PENDING)
    for known in ([], [row]):
        assert Callers(known).identify("192.0.2.1", "MR") is None
        assert not Callers(known).admits("192.0.2.1")
        caller = Callers(known, quarantine=True).identify("::ffff:192.0.2.1", "MR ")
        assert caller == Caller("MR@192.0.2.1", SenderState.PENDING, "192.0.2.1", "MR")
        assert caller.sender == "stranger:MR@192.0.2.1"


def test_a_title_that_two_strangers_could_share_is_refused_also_in_quarantine():
    """The name of a stranger is made of title and address, so it must say both exactly."""
    for title in ("MR@CT", "M\u00e9R", "", "A/B"):
        assert Callers([], quarantine=True).identify("192.0.2.1", title) is None


def test_whoever_was_removed_is_refused_also_in_quarantine():
    gone = Sender("MR@192.0.2.1", "192.0.2.1", "MR", state=SenderState.REMOVED)
    callers = Callers([gone], quarantine=True)
    assert callers.identify("192.0.2.1", "MR") is None
    assert callers.identify("192.0.2.1", "CT").state is SenderState.PENDING


@pytest.mark.parametrize("address", ["ct.example", "10.1.2.3/24", "10.1.2", "", "*"])
def test_an_address_that_cannot_be_read_is_refused_at_the_start(address):
    with pytest.raises(Invalid, match="'ct'") as caught:
        Callers([Sender("ct", address)])
    assert caught.value.reason == "bad_address"
