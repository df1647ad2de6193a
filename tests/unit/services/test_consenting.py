"""What may be recorded as a consent, what it says, and how it is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from support.memory_reader import JANE, instance
from support.practice import DAY
from undisc_node.services import consent_statement
from undisc_node.services.consent_rows import Covers, Decider, Decision, Method
from undisc_node.services.consent_rules import Wish
from undisc_node.services.errors import Conflict, Damaged, Invalid, NotFound
from undisc_node.services.model import Basis, Patient, PeerState
from undisc_protocol.capability.delegation import COMMAND_READ, read_delegation

CHILD = Patient("Doe^Kid", "P-300", "hospital", "20100228", "F")


def wish(**changes):
    sample = Wish(
        decision=Decision.YES,
        patient=JANE,
        decider=Decider.SELF,
        decider_name="",
        authority="",
        covers=Covers.VISIT,
        orders=("A-7",),
        first="",
        last="",
        recipients=(),
        language="es",
        method=Method.PAPER,
        witness="Anna",
        evidence="form 17",
        ends=None,
    )
    return replace(sample, **changes)


def record(practice, **changes):
    return practice.consenting.record(wish(**changes), "anna")


def refused(practice, **changes):
    with pytest.raises((Invalid, NotFound, Conflict)) as problem:
        record(practice, **changes)
    assert practice.consenting.list("", 10) == []
    return problem.value.reason


def test_a_consent_says_who_what_when_and_in_which_words(alone, clock):
    consent, visit = record(alone)
    said = consent.statement
    text = alone.consenting.text("es")
    assert (said.patient, said.decider_name, said.witness) == (JANE, "Doe^Jane", "Anna")
    assert (said.language, said.version, said.text) == ("es", text.version, text.hash)
    assert said.ends == clock.now_ms() // 1000 + 365 * DAY
    assert alone.consenting.text_of(consent) == text
    assert (visit.consent, visit.patient, visit.scope.orders) == (consent.id, JANE, ("A-7",))
    (event,) = alone.events()
    assert (event.type, event.detail["decision"]) == ("consent.recorded", "yes")
    assert "Doe" not in str(event), "names stay out of the log"


def test_a_changed_record_is_not_read(alone):
    """Its signature is checked at every reading; its id is the hash of what was signed."""
    consent, _ = record(alone)
    assert consent_statement.read(consent.record, consent.signer) == consent
    for place in (5, 100, len(consent.record) - 1):
        changed = bytearray(consent.record)
        changed[place] ^= 1
        with pytest.raises(Damaged):
            consent_statement.read(bytes(changed), consent.signer)


def test_the_same_words_twice_have_different_hashes(alone):
    """Whoever sees a hash in a grant cannot try patients until one fits."""
    assert record(alone)[0].id != record(alone)[0].id


def test_a_visit_is_opened_before_there_is_an_accession_number(alone):
    _, visit = record(alone, orders=())
    assert visit.scope.orders == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"patient": replace(JANE, id="")}, "no_patient_id"),
        ({"patient": replace(JANE, birth_date="")}, "bad_day"),
        ({"patient": replace(JANE, birth_date="19701301")}, "bad_day"),
        ({"patient": replace(JANE, birth_date="29990101")}, "bad_day"),
        ({"patient": replace(JANE, name="x" * 2000)}, "invalid"),
        ({"witness": " "}, "invalid"),
        ({"language": "xx"}, "no_text"),
        ({"language": "../en"}, "no_text"),
        ({"covers": Covers.ORDERS, "orders": ()}, "invalid"),
        ({"orders": ("A-1", " ")}, "invalid"),
        ({"covers": Covers.DATES, "first": "20261201", "last": "20261124"}, "bad_day"),
        ({"covers": Covers.DATES, "first": "20200101", "last": "20261124"}, "bad_day"),
        ({"first": "20261124"}, "invalid"),
        ({"ends": 5}, "bad_end"),
        ({"decider": Decider.GUARDIAN, "decider_name": "Max"}, "no_authority"),
        ({"decider": Decider.ATTORNEY, "authority": "paper"}, "no_authority"),
        (
            {"decider": Decider.PARENT, "decider_name": "Max", "authority": "passport"},
            "of_age",
        ),
        ({"patient": CHILD}, "minor"),
    ],
)
def test_what_cannot_be_is_not_recorded(alone, changes, code):
    assert refused(alone, **changes) == code


def test_what_a_parent_decided_ends_when_the_child_comes_of_age(alone, clock):
    """Whatever end was asked for; here the birthday is a few days away."""
    birthday = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).date()
    born = birthday.replace(year=birthday.year - 18, day=28, month=birthday.month % 12 + 1)
    if born.month == 1:
        born = born.replace(year=born.year + 1)
    child = replace(CHILD, birth_date=f"{born:%Y%m%d}")
    consent, _ = record(
        alone, patient=child, decider=Decider.PARENT, decider_name="Max", authority="passport"
    )
    ends = datetime.fromtimestamp(consent.statement.ends).astimezone()
    assert (ends.year, ends.month, ends.day) == (born.year + 18, born.month, 28)


def test_a_no_names_nobody_and_does_not_end_a_yes(pair):
    holder, asker = pair
    peer = holder.peer(asker)
    assert refused(holder, decision=Decision.NO, recipients=((peer, COMMAND_READ),)) == "invalid"
    consent, _ = record(holder)
    with pytest.raises(Conflict) as problem:
        record(holder, decision=Decision.NO)
    assert problem.value.reason == "consent_stands"
    holder.consenting.withdraw(consent.id, "", "anna")
    no, visit = record(holder, decision=Decision.NO)
    assert (no.statement.ends, visit.decision) == (None, Decision.NO)
    assert not no.holds(holder.clock.now_ms())


def test_a_revoked_practice_cannot_be_named(pair):
    holder, asker = pair
    peer = holder.peer(asker)
    holder.peering.set_state(peer.id, PeerState.REVOKED, "anna")
    assert refused(holder, recipients=((peer, COMMAND_READ),)) == "peer_not_trusted"


def test_a_withdrawal_ends_everything_that_rests_on_the_consent(pair, clock):
    """In one change: grants, transfers, the visit; what rests on other grounds stays."""
    holder, asker = pair
    holder.store(instance(1, accession="A-7"))
    holder.settling.settle(holder.study().id, "anna")
    consent, visit = record(holder, recipients=((holder.peer(asker), COMMAND_READ),))
    clock.advance(30 * 60)
    assert holder.releasing.release_due() == 1
    other = holder.grant(holder.study().id, asker).grant
    (made,) = [one for one in holder.granting.list(None) if one.id != other.id]
    meta = read_delegation(made.token).meta
    assert (made.basis, meta.consent) == (Basis.PATIENT, consent.id)
    done = holder.consenting.withdraw(consent.id, "changed my mind", "anna")
    assert [one.id for one in done.grants] == [made.id]
    assert holder.granting.find(made.id.hex()).revoked_ms == clock.now_ms()
    assert holder.granting.find(other.id.hex()).revoked_ms is None
    assert holder.visiting.detail(visit.id).visit.closed_ms == clock.now_ms()
    assert holder.consenting.withdraw(consent.id, "again", "bob").grants == ()
    assert holder.consenting.find(consent.id.hex()).withdrawn_why == "changed my mind"
    clock.advance(DAY)
    assert holder.releasing.release_due() == 0
    assert holder.kinds().count("consent.withdrawn") == 1


def test_texts_are_there_in_english_and_spanish(alone):
    texts = {text.language: text for text in alone.consenting.texts()}
    assert set(texts) == {"en", "es"}
    assert "yes or no" in texts["en"].text
    assert "sí o no" in texts["es"].text
    assert {text.version for text in texts.values()} == {"2026-11-24"}
