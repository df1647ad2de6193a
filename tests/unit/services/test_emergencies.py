"""An emergency: given at once, for three days at most, and never by one person alone."""

from __future__ import annotations

import pytest

from support.clock import SeededEntropy
from support.consents import TEXT, consent, visit
from support.memory_reader import instance
from undisc_node.notify.wording import PackagedWording
from undisc_node.services.consent_rows import VisitStudy
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.emergencies import EMERGENCY, Emergencies
from undisc_node.services.errors import Invalid, Refused
from undisc_node.services.message_rows import MessageKind
from undisc_node.services.messaging import Messaging
from undisc_node.services.model import Basis
from undisc_node.services.sending_now import Appearance
from unit.services.test_messaging import FakeLinks, FakeSender

HOUR = 3_600


@pytest.fixture
def given(pair, clock):
    """A holder with somebody to tell, and what it needs to give a study out."""
    holder, asker = pair
    sender = FakeSender()
    messaging = Messaging(
        catalog=holder.catalog,
        journal=holder.journal,
        clock=clock,
        entropy=SeededEntropy("messages"),
        sender=sender,
        wording=PackagedWording(),
        links=FakeLinks(),
        appearance=Appearance("Riverside", ""),
    )
    holder.granting._emergency = Emergencies(
        catalog=holder.catalog,
        queueing=holder.queueing,
        messaging=messaging,
        told=["chief@practice.example"],
    )
    study = holder.store(instance(1)).study

    def give(hours=24):
        return holder.grant(
            study,
            asker,
            basis=Basis.EMERGENCY,
            purpose="unconscious after an accident",
            expires=clock.now_ms() // 1000 + hours * HOUR,
        )

    return holder, study, give, messaging, sender


def test_a_second_person_is_told_by_e_mail_and_has_to_look_at_it(given):
    holder, _, give, messaging, sender = given
    granted = give()
    messaging.send_due()
    ((to, _, text),) = sender.sent
    assert to == "chief@practice.example"
    assert granted.grant.id.hex()[:8] in text
    assert "accident" not in text  # the reason may be a finding; it is in the queue
    (row,) = holder.queueing.list(EMERGENCY)
    with pytest.raises(Refused, match="second person"):
        holder.queueing.resolve(row.id, "seen", "", "admin")
    holder.queueing.resolve(row.id, "seen", "", "chief")
    assert holder.queueing.list(EMERGENCY) == []


def test_the_patient_is_told_where_the_link_goes(given):
    holder, study, give, messaging, sender = given
    with holder.catalog.change() as records:
        row = records.studies.get(study)
        one = consent(patient=row.patient)
        made = visit(one)
        records.consents.add_text(TEXT)
        records.consents.add(one)
        records.visits.put(made)
        records.visits.put_study(VisitStudy(made.id, study, belongs=True, by="", at_ms=1))
        records.wishes.put_channel(
            Channel(made.id, ChannelKind.EMAIL, "jane@example.org", "es", 5, "anna", 5)
        )
    give()
    messaging.send_due()
    kinds = {one.kind: one.contact.to for one in messaging.list()}
    assert kinds[MessageKind.EMERGENCY_PATIENT] == "jane@example.org"
    told = next(text for to, _, text in sender.sent if to == "jane@example.org")
    assert "emergencia" in told


def test_it_ends_within_three_days(given):
    _, _, give, _, _ = given
    give(72)
    with pytest.raises(Invalid, match="72 hours"):
        give(73)


def test_nothing_is_given_where_nobody_can_be_told(given):
    holder, _, give, _, _ = given
    holder.granting._emergency = None
    with pytest.raises(Refused) as problem:
        give()
    assert problem.value.reason == "nobody_to_tell"
