"""An emergency: given at once, for three days at most, and never by one person alone."""

from __future__ import annotations

import pytest

from support.browser import Browser
from support.clock import SeededEntropy
from support.consents import TEXT, consent, visit
from support.memory_reader import instance
from undisc_node.notify.wording import PackagedWording
from undisc_node.services.browsing_rows import Access
from undisc_node.services.consent_rows import VisitStudy
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.emergencies import EMERGENCY, Emergencies
from undisc_node.services.emergency_giving import EmergencyGiving
from undisc_node.services.errors import Invalid, Refused
from undisc_node.services.message_rows import MessageKind
from undisc_node.services.messaging import Messaging
from undisc_node.services.model import Basis, FetchState
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.sending_now import Appearance
from undisc_node.services.staff_rows import Role
from undisc_node.web.patients.rendering import accesses_json
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.did import Did
from undisc_protocol.errors import Expired, Revoked, UsesUsedUp, WrongPasscode
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


# --- By a link that opens once --------------------------------------------------------------------


@pytest.fixture
def by_link(given):
    """Give the study out by a link; return what was given and how to open it."""
    holder, study, _, _, _ = given

    def give(passcode="", hours=24, **changes):
        wanted = {
            "study": study,
            "peer": None,
            "staff": "Dr. Vega",
            "purpose": "unconscious after an accident",
            "expires": holder.clock.now_ms() // 1000 + hours * HOUR,
            "command": COMMAND_READ,
            "actor": "anna",
            "passcode": passcode,
        }
        giving = EmergencyGiving(
            granting=holder.granting,
            passcodes=Passcodes(entropy=holder.entropy, passes=1, memory=8_192),
            own=holder.own,
        )
        return giving.give(**wanted | changes)

    return holder, give


def test_a_link_opens_once_in_a_browser(by_link):
    holder, give = by_link
    made = give("blue horse")
    doctor = Browser.at(holder, made.link)
    with pytest.raises(WrongPasscode):
        doctor.open("red horse")
    session = doctor.open("blue horse", name="Dr. Vega")
    assert session.studies == {made.grant.study}
    with pytest.raises(UsesUsedUp):
        Browser.at(holder, made.link).open("blue horse")
    assert doctor.session().studies, "who is in stays in"


def test_a_link_opens_once_in_another_node(by_link, pair):
    """The other door, and the same use; what broke off goes on for a day."""
    holder, give = by_link
    _, asker = pair
    made = give("blue horse")
    (fetch,) = asker.link_fetching.start(made.link, "blue horse", "admin")
    assert asker.ended(fetch.id).state is FetchState.DONE
    with pytest.raises(UsesUsedUp):
        Browser.at(holder, made.link).open("blue horse")
    (again,) = asker.link_fetching.start(made.link, "", "admin")
    assert asker.ended(again.id).state is FetchState.DONE


def test_revoking_it_closes_both_doors_at_once(by_link, pair):
    holder, give = by_link
    _, asker = pair
    made = give()
    doctor = Browser.at(holder, made.link)
    doctor.open()
    holder.revoking.grant(made.grant.id, "chief")
    with pytest.raises(Revoked):
        doctor.session()
    with pytest.raises(Revoked):
        asker.link_fetching.start(made.link, "", "admin")


def test_a_link_ends_within_three_days(by_link, clock):
    holder, give = by_link
    with pytest.raises(Invalid, match="72 hours"):
        give(hours=73)
    made = give(hours=72)
    clock.advance(72 * HOUR)
    with pytest.raises(Expired):
        Browser.at(holder, made.link).open()


@pytest.mark.parametrize("changes", [{"staff": " "}, {"purpose": ""}, {"command": "/img"}])
def test_a_link_needs_a_name_a_reason_and_a_bound(by_link, changes):
    holder, give = by_link
    with pytest.raises(Invalid):
        give(**changes)
    assert holder.granting.list(None) == []
    assert holder.linking.list() == []


def test_a_view_only_link_is_not_fetched(by_link, pair):
    _, give = by_link
    _, asker = pair
    made = give(command="/img/view")
    with pytest.raises(Refused, match="only permits viewing"):
        asker.link_fetching.start(made.link, "", "admin")


def test_there_has_to_be_a_second_person(by_link):
    """Nobody is named, and whoever gives it out has the only account that is not disabled."""
    holder, give = by_link
    holder.granting._emergency._told = []
    holder.staff.add("anna", Role.ADMIN, "four words nobody guesses", "admin")
    with pytest.raises(Refused) as problem:
        give()
    assert problem.value.reason == "nobody_to_tell"
    assert holder.granting.list(None) == []
    assert holder.linking.list() == []
    holder.staff.add("berta", Role.DESK, "four words nobody guesses", "admin")
    assert give().link


def test_the_patient_reads_it_in_the_list_of_who_looked(by_link):
    """Who gave it to whom, and what was done with the link: nothing looks like the patient."""
    holder, give = by_link
    made = give()
    doctor = Browser.at(holder, made.link)
    holder.browsing.note(doctor.open(name="Dr. Vega"), Access.VIEWED, made.grant.study)
    with holder.catalog.change() as records:
        one = consent(patient=records.studies.get(made.grant.study).patient)
        visited = visit(one)
        records.consents.add_text(TEXT)
        records.consents.add(one)
        records.visits.put(visited)
        records.visits.put_study(
            VisitStudy(visited.id, made.grant.study, belongs=True, by="", at_ms=1)
        )
    rows = holder.patient_sharing.accesses_of(visited.id)
    assert {row.kind for row in rows} == {Access.GIVEN, Access.OPENED, Access.VIEWED}
    shown = accesses_json(rows, {}, {}, Did("did:key:z6Mk" + "1" * 44))
    assert not any(one["self"] for one in shown)
    assert all(one["emergency"] for one in shown)


def test_a_practice_is_told_by_itself(given):
    """Nobody carries an offer file about in an emergency."""
    holder, _, give, _, _ = given
    granted = give()
    with holder.catalog.look() as records:
        (offer,) = records.offers.due(holder.clock.now_ms())
    assert offer.id == granted.grant.id
