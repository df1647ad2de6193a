"""Who may send, as an administrator decides it."""

from __future__ import annotations

from hashlib import sha256

import pytest

from support.sending import Sending
from undisc_node.services.errors import Conflict, Invalid, NotFound, Unavailable
from undisc_node.services.sender_model import Sender, SenderCounts
from undisc_node.services.senders import SenderWish

IN_FILE = Sender("ward", "10.1.0.0/16", from_settings=True)
DER = b"DER of a certificate"


@pytest.fixture
def sending(alone):
    return Sending(alone, quarantine=False, configured=(IN_FILE,))


def test_whoever_is_added_may_send_at_once(alone, sending):
    assert sending.known.identify("192.0.2.1", "CT1") is None
    wish = SenderWish(name="ct", address="::ffff:192.0.2.1", ae_title="CT1 ", may_query=True)
    added = sending.senders.add(wish, "anna").sender
    assert (added.address, added.ae_title, added.added_ms) == (
        "192.0.2.1",
        "CT1",
        alone.clock.now_ms(),
    )
    caller = sending.known.identify("192.0.2.1", "CT1")
    assert (caller.name, caller.may_query) == ("ct", True)
    assert sending.known.identify("192.0.2.1", "CT2") is None
    assert alone.kinds() == ["sender.added"]


def test_a_certificate_is_pinned_by_its_fingerprint(sending):
    wish = SenderWish(name="us", certificate=DER, fingerprint=sha256(DER).hexdigest().upper())
    added = sending.senders.add(wish, "anna").sender
    assert (added.certificate, added.fingerprint) == (DER, sha256(DER).digest())
    assert sending.known.certificates() == (DER,)
    assert sending.known.identify("198.51.100.1", "ANY", sha256(DER).digest()).name == "us"
    changed, _ = sending.senders.trust("us", SenderWish(certificate=b"", address="10.1.2.3"), "a")
    assert (changed.sender.certificate, changed.sender.fingerprint) == (b"", b"")
    sending.senders.remove("us", "anna")
    assert sending.known.certificates() == ()


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (SenderWish(name="ct", ae_title="CT1"), "not_pinned"),
        (SenderWish(name="", address="10.1.2.3"), "bad_name"),
        (SenderWish(name="c\nt", address="10.1.2.3"), "bad_name"),
        (SenderWish(name="ct", address="10.1.2.3/24"), "bad_address"),
        (SenderWish(name="ct", address="ct.example"), "bad_address"),
        (SenderWish(name="ct", address="10.1.2.3", ae_title="A" * 17), "invalid"),
        (SenderWish(name="ct", fingerprint="66"), "bad_fingerprint"),
        (SenderWish(name="ct", certificate=b"PNG"), "bad_certificate"),
        (SenderWish(name="ct", certificate=DER, fingerprint="66" * 32), "bad_certificate"),
    ],
)
def test_what_cannot_be_used_is_refused(sending, wish, code):
    with pytest.raises(Invalid) as refused:
        sending.senders.add(wish, "anna")
    assert refused.value.reason == code


def test_what_stands_in_the_settings_is_changed_there(sending):
    acts = [
        lambda: sending.senders.add(SenderWish(name="ward", address="10.1.2.3"), "anna"),
        lambda: sending.senders.trust("ward", SenderWish(), "anna"),
        lambda: sending.senders.remove("ward", "anna"),
    ]
    for act in acts:
        with pytest.raises(Conflict):
            act()
    assert sending.senders.find("ward").sender == IN_FILE


def test_a_name_is_used_once_unless_its_sender_was_removed(sending):
    sending.senders.add(SenderWish(name="ct", address="192.0.2.1"), "anna")
    sending.senders.add(SenderWish(name="mr", address="192.0.2.2"), "anna")
    for act in (
        lambda: sending.senders.add(SenderWish(name="ct", address="192.0.2.9"), "anna"),
        lambda: sending.senders.trust("mr", SenderWish(name="ct"), "anna"),
        lambda: sending.senders.trust("mr", SenderWish(name="ward"), "anna"),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.reason == "sender_exists"
    sending.senders.remove("ct", "anna")
    assert sending.senders.add(SenderWish(name="ct", address="192.0.2.9"), "anna").sender.address
    assert sending.known.identify("192.0.2.1", "CT") is None


def test_a_sender_is_changed_and_keeps_what_is_not_said(sending):
    sending.senders.add(SenderWish(name="ct", address="192.0.2.1", quota=7, port=104), "anna")
    sending.known.note(SenderCounts("ct", objects=3, size=30))
    sending.senders.list()
    status, done = sending.senders.trust("ct", SenderWish(name="ct2", may_query=True), "anna")
    sender = status.sender
    assert (sender.name, sender.address, sender.quota, sender.port) == ("ct2", "192.0.2.1", 7, 104)
    assert (status.counts.objects, done.objects) == (3, 0)
    assert sending.known.quota_of("ct2") == 7
    with pytest.raises(NotFound):
        sending.senders.trust("ct", SenderWish(), "anna")


def test_counts_are_kept_for_known_senders_only(alone, sending):
    for name in ("ward", "nobody"):
        sending.known.note(SenderCounts(name, objects=1, size=9, refused=2))
    (status,) = sending.senders.list()
    assert status.counts == SenderCounts("ward", alone.clock.now_ms(), 1, 9, 2)
    sending.known.note(SenderCounts("ward"))
    sending.known.flush()
    sending.known.flush()
    with alone.catalog.look() as records:
        assert [one.objects for one in records.senders.counts()] == [1]


def test_whoever_was_refused_is_remembered_for_whoever_looks_for_the_reason(sending, clock):
    sending.known.note_refused("192.0.2.1")
    sending.known.note_refused("192.0.2.2", "MR  ")
    clock.advance(1)
    sending.known.note_refused("192.0.2.1")
    newest, other = sending.senders.refused()
    assert (newest.address, newest.times, newest.at_ms) == ("192.0.2.1", 2, clock.now_ms())
    assert (other.ae_title, other.times) == ("MR", 1)
    for number in range(1_000):
        sending.known.note_refused(f"10.0.{number // 256}.{number % 256}")
    assert len(sending.senders.refused()) == 64


def test_a_sender_is_called_at_its_address(sending):
    sending.senders.add(SenderWish(name="ct", address="192.0.2.1", ae_title="CT1"), "anna")
    sending.senders.add(SenderWish(name="us", certificate=DER), "anna")
    with pytest.raises(Invalid, match="port"):
        sending.senders.echo("ct")
    sending.senders.echo("ct", 104)
    assert sending.called == [("192.0.2.1", 104, "CT1")]
    with pytest.raises(Unavailable):
        sending.senders.echo("ct", 1)
    for name in ("us", "ward"):
        with pytest.raises(Invalid, match="address"):
            sending.senders.echo(name, 104)
    with pytest.raises(NotFound):
        sending.senders.echo("nobody", 104)
