"""Messages are sent until that is certain, and not twice where the other side could not tell."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from support import samples
from support.clock import FakeClock, SeededEntropy
from support.consents import TEXT, consent, visit
from support.memory_catalog import MemoryCatalog
from undisc_node.notify.wording import PackagedWording
from undisc_node.services.auditing import Journal
from undisc_node.services.consent_rows import Decision, VisitStudy
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Conflict, Invalid, MayBeSent, Refused, Unavailable
from undisc_node.services.message_rows import MessageKind, MessageState, VisitLink
from undisc_node.services.messaging import GIVE_UP_MS, KEPT_MS, Messaging
from undisc_node.services.model import Basis
from undisc_node.services.reaching import Reaching
from undisc_node.services.sending_now import Appearance, SendingNow

DAY = 86_400
JANE = Contact(ChannelKind.EMAIL, "jane@example.org")
PHONE = Contact(ChannelKind.TEXT, "+14155550132")
PAPER = Contact(ChannelKind.PRINT, "")
LINK = VisitLink("https://a.example/l#secret", "https://a.example/l", "K7QF-0M2X-9WTB", 9, pin=True)


class Dead(BaseException):
    """The process is killed here."""


@dataclass
class FakeSender:
    """Takes messages over as a test says; implements `ports.SendsMessages`."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    before: list[BaseException | None] = field(default_factory=list)
    after: list[BaseException | None] = field(default_factory=list)

    def carries(self, channel):
        return channel is not ChannelKind.PRINT

    def repeats_safely(self, channel):
        return channel is ChannelKind.EMAIL

    def send(self, contact, words, *, name, handing):
        if self.before and (problem := self.before.pop(0)):
            raise problem
        handing()
        self.sent.append((contact.to, name, words.text))
        if self.after and (problem := self.after.pop(0)):
            raise problem
        return "250 2.0.0"


class FakeLinks:
    def __init__(self):
        self.link = LINK

    def link_of(self, visit):
        return self.link


class FakePrinter:
    def draw(self, language, facts):
        return f"{language} {facts.link} {facts.code}".encode()


class World:
    def __init__(self):
        self.clock, self.catalog = FakeClock(), MemoryCatalog()
        self.sender, self.links = FakeSender(), FakeLinks()
        self.entropy = SeededEntropy()
        journal = Journal(clock=self.clock, entropy=self.entropy)
        appearance = Appearance("Riverside", "+1 206 555 0100")
        self.messaging = Messaging(
            catalog=self.catalog,
            journal=journal,
            clock=self.clock,
            entropy=self.entropy,
            sender=self.sender,
            wording=PackagedWording(),
            links=self.links,
            appearance=appearance,
        )
        self.now = SendingNow(
            sender=self.sender,
            wording=PackagedWording(),
            entropy=self.entropy,
            appearance=appearance,
        )
        self.reaching = Reaching(
            catalog=self.catalog,
            journal=journal,
            clock=self.clock,
            sender=self.sender,
            links=self.links,
            printer=FakePrinter(),
            appearance=appearance,
        )

    def visit(self, **changes):
        ends = self.clock.now_ms() // 1000 + 86_400
        one = consent(ends=ends if changes.get("decision") is not Decision.NO else None, **changes)
        made = visit(one)
        study = samples.study()
        with self.catalog.change() as records:
            records.consents.add_text(TEXT)
            records.consents.add(one)
            records.visits.put(made)
            records.studies.put(study)
            records.visits.put_study(
                VisitStudy(made.id, study.id, belongs=True, by="", at_ms=1, released_ms=2)
            )
        return made

    def states(self):
        return [one.state for one in self.messaging.list()]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def reached(world):
    """A visit whose patient wants the link by e-mail."""
    made = world.visit()
    world.reaching.choose(made.id, [JANE, PAPER], warned=True, actor="anna")
    world.messaging.announce()
    return world, made


def test_a_released_visit_sends_its_link_once_and_not_on_paper(reached):
    world, _ = reached
    assert world.messaging.announce() == 0
    assert world.messaging.send_due() == 1
    ((to, _, text),) = world.sender.sent
    assert to == "jane@example.org"
    assert LINK.text in text
    assert LINK.code in text
    assert "Riverside: +1 206 555 0100" in text
    assert "Müller" not in text
    assert world.messaging.send_due() == 0
    (row,) = world.messaging.list()
    assert (row.state, row.reference, row.attempts) == (MessageState.SENT, "250 2.0.0", 1)


def test_nothing_is_announced_before_there_is_a_link(world):
    made = world.visit()
    world.reaching.choose(made.id, [JANE], warned=True, actor="anna")
    world.links.link = None
    assert world.messaging.announce() == 0
    world.links.link = LINK
    assert world.messaging.announce() == 1


def test_a_link_that_was_claimed_meanwhile_is_not_sent(reached):
    world, _ = reached
    world.links.link = None
    assert world.messaging.send_due() == 0
    assert world.states() == [MessageState.CANCELLED]


def test_a_server_that_is_away_is_asked_again_and_given_up_after_two_days(reached):
    world, _ = reached
    world.sender.before = [Unavailable("away", code="mail_unreachable")] * 1_000
    for _ in range(200):
        world.messaging.send_due()
        world.clock.advance(1_800)
    (row,) = world.messaging.list()
    assert row.state is MessageState.FAILED
    assert row.problem.startswith("given up: mail_unreachable")
    assert row.ended_ms <= row.made_ms + GIVE_UP_MS + 2 * 3_600_000
    assert row.attempts < 60


def test_a_refusal_is_for_good_until_a_person_says_otherwise(reached):
    world, _ = reached
    world.sender.before = [Refused("no such user", code="mail_refused")]
    world.messaging.send_due()
    world.clock.advance(86_400)
    assert world.messaging.send_due() == 0
    (row,) = world.messaging.list()
    assert row.state is MessageState.FAILED
    world.messaging.retry(row.id, again=False, actor="anna")
    assert world.messaging.send_due() == 1


def test_a_message_that_was_sent_is_sent_again_only_when_somebody_insists(reached):
    world, _ = reached
    world.messaging.send_due()
    (row,) = world.messaging.list()
    with pytest.raises(Conflict, match="was sent"):
        world.messaging.retry(row.id, again=False, actor="anna")
    world.messaging.retry(row.id, again=True, actor="anna")
    world.messaging.send_due()
    first, second = (name for _, name, _ in world.sender.sent)
    assert first != second  # the patient's mail program must not take it for the same


def test_what_waits_can_be_cancelled(reached):
    world, _ = reached
    (row,) = world.messaging.list()
    world.messaging.cancel(row.id, "anna")
    assert world.messaging.send_due() == 0
    with pytest.raises(Conflict, match="cancelled already"):
        world.messaging.cancel(row.id, "anna")


def test_a_message_cancelled_at_the_last_moment_is_not_handed_over(reached):
    world, _ = reached
    (row,) = world.messaging.list()

    class Cancelling(FakeSender):
        def send(self, contact, words, *, name, handing):
            world.messaging.cancel(row.id, "anna")
            return super().send(contact, words, name=name, handing=handing)

    world.messaging._sender = sender = Cancelling()
    world.messaging.send_due()
    assert sender.sent == []
    assert world.states() == [MessageState.CANCELLED]


def killed(world, *, before=None, after=None):
    world.sender.before, world.sender.after = [before], [after]
    with pytest.raises(Dead):
        world.messaging.send_due()
    world.messaging.take_up()


def test_a_node_killed_before_the_last_step_sends_as_if_nothing_had_happened(reached):
    world, _ = reached
    killed(world, before=Dead())
    assert world.sender.sent == []
    assert world.messaging.send_due() == 1
    assert len(world.sender.sent) == 1


def test_e_mail_that_may_have_been_sent_goes_out_again_under_the_same_name(reached):
    """A mail server or program that gets both copies sees one message."""
    world, _ = reached
    killed(world, after=Dead())
    world.clock.advance(60)
    assert world.messaging.send_due() == 1
    first, second = (name for _, name, _ in world.sender.sent)
    assert first == second


@pytest.mark.parametrize("how", ["killed", "silent"])
def test_a_text_message_that_may_have_been_sent_waits_for_a_person(world, how):
    made = world.visit()
    world.reaching.choose(made.id, [PHONE], warned=True, actor="anna")
    world.messaging.announce()
    if how == "killed":
        killed(world, after=Dead())
    else:
        world.sender.after = [MayBeSent("silence")]
        world.messaging.send_due()
    world.clock.advance(86_400)
    assert world.messaging.send_due() == 0
    assert world.states() == [MessageState.UNSURE]
    (row,) = world.messaging.list()
    world.messaging.retry(row.id, again=False, actor="anna")
    assert world.messaging.send_due() == 1


def test_e_mail_and_text_messages_need_the_warning_and_paper_does_not(world):
    made = world.visit()
    with pytest.raises(Invalid, match="not encrypted"):
        world.reaching.choose(made.id, [JANE], warned=False, actor="anna")
    chosen = world.reaching.choose(made.id, [PAPER], warned=False, actor="anna")
    assert [one.accepted_ms for one in chosen] == [None]
    chosen = world.reaching.choose(made.id, [JANE], warned=True, actor="anna")
    assert [(one.kind, one.address) for one in chosen] == [(ChannelKind.EMAIL, "jane@example.org")]
    assert chosen[0].language == "es"


def test_a_no_is_sent_nowhere(world):
    made = world.visit(decision=Decision.NO, recipients=())
    with pytest.raises(Conflict, match="said no"):
        world.reaching.choose(made.id, [JANE], warned=True, actor="anna")


def test_a_sheet_is_in_the_patients_language_and_leaves_a_line_in_the_log(reached):
    world, made = reached
    assert world.reaching.printed(made.id, "", "anna") == f"es {LINK.text} {LINK.code}".encode()
    assert world.reaching.printed(made.id, "en", "anna").startswith(b"en ")
    world.links.link = None
    with pytest.raises(Conflict, match="no link to hand out"):
        world.reaching.printed(made.id, "", "anna")
    with world.catalog.look() as records:
        written = b"".join(one.event for one in records.log.list())
    assert written.count(b"visit.printed") == 2
    for secret in (b"jane@example.org", b"secret", LINK.code.encode()):
        assert secret not in written


def test_a_code_is_sent_at_once_or_not_at_all_and_is_no_row(world):
    world.now.code("jane@example.org", "123456", "es-MX")
    world.now.code("+14155550132", "654321", "en")
    assert [to for to, _, _ in world.sender.sent] == ["jane@example.org", "+14155550132"]
    assert "Su código es 123456" in world.sender.sent[0][2]
    with pytest.raises(Unavailable, match="cannot send"):
        world.now.send(MessageKind.CODE, PAPER, language="es", fill=lambda facts: facts)
    assert world.messaging.list() == []


# --- Reminders, and what is forgotten -------------------------------------------------------------


@pytest.fixture
def lapsing(reached):
    """A patient's share of thirty days."""
    world, _ = reached
    now = world.clock.now_ms() // 1000
    study = samples.study()
    with world.catalog.change() as records:
        grant = samples.grant("shared", study=study.id, basis=Basis.PATIENT)
        records.grants.add(grant)
        share = samples.share(
            "lapsing",
            grant=grant.id,
            study=study.id,
            expires=now + 30 * DAY,
            created_ms=now * 1000,
        )
        records.shares.add(share)
    world.messaging.send_due()
    world.sender.sent.clear()
    return world, share


def test_a_patient_is_reminded_once_fourteen_days_before_something_lapses(lapsing):
    world, _ = lapsing
    world.clock.advance(16 * DAY - 1)
    assert world.messaging.remind() == 0
    world.clock.advance(1)
    assert [world.messaging.remind(), world.messaging.remind()] == [1, 0]
    world.messaging.send_due()
    ((to, _, text),) = world.sender.sent
    assert to == JANE.to
    assert not re.search("doe|ct head|https?:", text, re.IGNORECASE), "no name, finding or link"


def test_nobody_is_reminded_of_what_ended_meanwhile(lapsing):
    world, share = lapsing
    world.clock.advance(17 * DAY)
    assert world.messaging.remind() == 1
    with world.catalog.change() as records:
        records.shares.revoke(share.id, world.clock.now_ms())
    world.messaging.send_due()
    assert world.sender.sent == []
    assert world.states()[0] is MessageState.CANCELLED


def test_finished_messages_are_forgotten_and_the_log_stays(lapsing):
    """The link of an open visit is kept: otherwise it would be sent a second time."""
    world, share = lapsing
    world.clock.advance(16 * DAY)
    world.messaging.remind()
    world.messaging.send_due()
    with world.catalog.look() as records:
        logged = len(records.log.list())
    world.clock.advance(KEPT_MS // 1000)
    assert world.messaging.forget() == 1
    assert [one.kind for one in world.messaging.list()] == [MessageKind.LINK]
    assert world.messaging.announce() == 0
    with world.catalog.look() as records:
        assert len(records.log.list()) == logged
    assert share.expires * 1000 < world.clock.now_ms()
