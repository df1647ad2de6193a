"""Asking somebody for a decision, on a device that shows nothing else.

    prepare ─▶ hand_over: this very device      ─▶ answer ─▶ consent and visit
            └▶ handle ─▶ open: another device ──┘

The device gets a session that is good for one decision and for an hour. A handle opens once. With
the answer the consent, the PIN, the ways of delivery and the signature are recorded in one change.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from undisc_node.services import reachable
from undisc_node.services.ask_facts import (
    Answer,
    AskFacts,
    check_pin,
    check_signature,
    from_json,
    to_json,
)
from undisc_node.services.consent_rows import Consent, Decision, Method, Visit
from undisc_node.services.consent_rules import Wish
from undisc_node.services.consenting import Also, Consenting
from undisc_node.services.desk_rows import Ask, Channel, ChannelKind, Signature, VisitPin
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.model import Peer, PeerState
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.use_notices import put_wish
from undisc_protocol.capability.delegation import COMMAND_READ

SECRET: Final = 32  # bytes of a cookie's secret
_HANDLE: Final = 8  # bytes; it is alive for minutes and opens once, so 64 bits are never guessed
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing looks alike
_GROUP: Final = 4  # characters between dashes
_MINUTE_MS: Final = 60_000
OPEN_MS: Final = 30 * _MINUTE_MS  # to open a handle: a waiting room
ANSWER_MS: Final = 60 * _MINUTE_MS  # to answer, once it was opened
_TO_READ: Final = str.maketrans("ILO", "110", "- \u00a0")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, with its facts.

    Attributes:
        ask: The row.
        facts: What it is about.
    """

    ask: Ask
    facts: AskFacts


class Asking:
    """Prepares questions to patients, and takes their answers.

    Args:
        catalog: Rows.
        consenting: Records decisions.
        clock: Time.
        entropy: Ids, handles, secrets.
        passcodes: Hashes PINs.
        calling_code: For telephone numbers without a country.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        consenting: Consenting,
        clock: Clock,
        entropy: Entropy,
        passcodes: Passcodes,
        calling_code: str,
    ) -> None:
        self._catalog = catalog
        self._consenting = consenting
        self._clock = clock
        self._entropy = entropy
        self._passcodes = passcodes
        self._calling_code = calling_code

    # --- The desk -------------------------------------------------------------------------------

    def prepare(self, facts: AskFacts, by: str) -> Ask:
        """Note what is to be asked; nobody can answer it yet.

        Raises:
            Invalid: It could not be recorded.
            NotFound: A proposed practice is unknown.
        """
        self._consenting.check(self._wish(facts, Answer(Decision.YES, facts.recipients), by))
        now_ms = self._clock.now_ms()
        ask = Ask(
            id=self._entropy.random(16),
            handle=b"",
            session=b"",
            by=by,
            facts=to_json(facts),
            created_ms=now_ms,
            until_ms=now_ms + OPEN_MS,
        )
        with self._catalog.change() as records:
            records.desk.put_ask(ask)
        return ask

    def handle(self, ask_id: bytes) -> str:
        """Make the one-time handle that opens it on another device; ends an earlier one.

        Raises:
            NotFound: No such question.
            Conflict: It was opened or answered already.
        """
        raw = self._entropy.random(_HANDLE)
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            ask = _unopened(records, ask_id)
            records.desk.put_ask(
                replace(ask, handle=sha256(raw).digest(), until_ms=now_ms + OPEN_MS)
            )
        return _spelled(raw)

    def hand_over(self, ask_id: bytes) -> str:
        """Open it on the device of the desk itself; return the text of its cookie.

        Raises:
            NotFound: No such question.
            Conflict: It was opened or answered already.
        """
        with self._catalog.change() as records:
            return self._opened(records, _unopened(records, ask_id))

    def cancel(self, ask_id: bytes) -> None:
        """Let nobody answer it any more; again changes nothing."""
        with self._catalog.change() as records:
            ask = records.desk.ask(ask_id)
            if ask is not None and ask.done_ms is None:
                now_ms = self._clock.now_ms()
                records.desk.put_ask(replace(ask, handle=b"", session=b"", done_ms=now_ms))

    def find(self, ask_id: bytes) -> Asked:
        """Return a question.

        Raises:
            NotFound: No such question; those of yesterday are forgotten.
        """
        with self._catalog.look() as records:
            ask = records.desk.ask(ask_id)
        if ask is None:
            raise NotFound("no such question", hint="it may be of yesterday; ask again")
        return Asked(ask, from_json(ask.facts))

    def list(self) -> Sequence[Asked]:
        """List what was asked within a day, newest first."""
        since_ms = self._clock.now_ms() - 24 * 60 * _MINUTE_MS
        with self._catalog.look() as records:
            return [Asked(ask, from_json(ask.facts)) for ask in records.desk.asks(since_ms)]

    # --- The device that was handed over --------------------------------------------------------

    def open(self, handle: str) -> str:
        """Open what a handle was made for, once; return the text of the device's cookie.

        Raises:
            NotFound: Mistyped, over, or opened already.
        """
        raw = _read(handle)
        with self._catalog.change() as records:
            ask = records.desk.ask_by_handle(sha256(raw).digest()) if raw else None
            if ask is None or ask.done_ms is not None or self._clock.now_ms() >= ask.until_ms:
                raise NotFound(
                    "this code opens nothing",
                    code="no_handle",
                    hint="it works once and for half an hour; the desk gives another",
                )
            return self._opened(records, ask)

    def of(self, secret: str) -> Asked | None:
        """Return what a device was opened for, as long as it can be answered."""
        found = _id_of(secret)
        if found is None:
            return None
        with self._catalog.look() as records:
            ask = records.desk.ask_by_session(found)
        if ask is None or ask.done_ms is not None or self._clock.now_ms() >= ask.until_ms:
            return None
        return Asked(ask, from_json(ask.facts))

    def ends(self, facts: AskFacts) -> int:
        """Return when a yes would end, seconds since 1970."""
        return self._consenting.check(self._wish(facts, Answer(Decision.YES), "desk"))

    def offered(self, facts: AskFacts) -> Sequence[Peer]:
        """List the practices that can be named, those that the desk proposes first."""
        with self._catalog.look() as records:
            peers = [one for one in records.peers.list() if one.state is PeerState.TRUSTED]
        return sorted(peers, key=lambda one: (one.id.hex() not in facts.recipients, one.name))

    def answer(self, secret: str, answer: Answer) -> tuple[Consent, Visit]:
        """Record an answer, with everything that belongs to it; the device can do no more.

        Raises:
            NotFound: The device was opened for nothing, or too long ago.
            Invalid: Something is missing or cannot be.
        """
        asked = self.of(secret)
        if asked is None:
            raise _over()
        wishes = self._wishes(asked.facts, answer, by="", needs_pin=True)
        if answer.drawn:
            check_signature(answer.drawn)
        elif answer.decision is Decision.YES and not answer.typed.strip():
            raise Invalid("a yes is signed, drawn or with a typed name", code="not_signed")

        def also(records: Records, consent: Consent, visit: Visit) -> None:
            now_ms = self._clock.now_ms()
            ask = records.desk.ask(asked.ask.id)
            if ask is None or ask.done_ms is not None:
                raise _over()
            records.desk.put_ask(
                replace(ask, handle=b"", session=b"", done_ms=now_ms, visit=visit.id)
            )
            wishes(records, consent, visit)
            if answer.drawn:
                records.wishes.add_signature(Signature(consent.id, answer.drawn))

        wish = self._wish(asked.facts, answer, asked.ask.by)
        return self._consenting.record(wish, asked.ask.by, also)

    # --- Without a device -------------------------------------------------------------------------

    def take_down(
        self, facts: AskFacts, answer: Answer, by: str, *, method: Method, evidence: str
    ) -> tuple[Consent, Visit]:
        """Record a decision that was given on paper, or spoken in front of staff.

        Args:
            facts: What it is about.
            answer: What was decided; without a signature. A PIN may come later.
            by: The member of staff who was there.
            method: `paper` or `spoken`.
            evidence: Where the form is kept; needed for a yes on paper.

        Raises:
            Invalid: Something is missing or cannot be.
            NotFound: A named practice is unknown.
            Conflict: A no, while a yes about the same order stands.
        """
        if method not in (Method.PAPER, Method.SPOKEN):
            raise Invalid("the desk takes down what was signed on paper or said", code="bad_method")
        if method is Method.PAPER and answer.decision is Decision.YES and not evidence.strip():
            raise Invalid(
                "a yes on paper names where the form is kept",
                code="no_evidence",
                hint="such as its number, or the folder",
            )
        wish = replace(self._wish(facts, answer, by), method=method, evidence=evidence.strip())
        wishes = self._wishes(facts, answer, by=by, needs_pin=False)
        return self._consenting.record(wish, by, wishes)

    # --- Within ---------------------------------------------------------------------------------

    def _wishes(self, facts: AskFacts, answer: Answer, *, by: str, needs_pin: bool) -> Also:
        """Check ways of delivery and PIN; return what records them together with the decision."""
        channels = self._channels(answer)
        kept = None
        if channels and (answer.pin or needs_pin):
            check_pin(answer.pin, facts.patient.birth_date)
            kept = self._passcodes.keep(answer.pin)

        def also(records: Records, _consent: Consent, visit: Visit) -> None:
            now_ms = self._clock.now_ms()
            for kind, address in channels:
                is_plain = kind is not ChannelKind.PRINT
                records.wishes.put_channel(
                    Channel(
                        visit.id,
                        kind,
                        address,
                        answer.language,
                        accepted_ms=now_ms if is_plain else None,
                        by=by,
                        at_ms=now_ms,
                    )
                )
            if kept is not None:
                records.wishes.put_pin(VisitPin(visit.id, kept))
            if answer.notices and any(address for _, address in channels):
                put_wish(records, visit.id, by or "patient", now_ms, wanted=True)

        return also

    def _opened(self, records: Records, ask: Ask) -> str:
        secret = self._entropy.random(SECRET)
        until_ms = self._clock.now_ms() + ANSWER_MS
        records.desk.put_ask(
            replace(ask, handle=b"", session=sha256(secret).digest(), until_ms=until_ms)
        )
        return base64.urlsafe_b64encode(secret).decode().rstrip("=")

    def _channels(self, answer: Answer) -> Sequence[tuple[ChannelKind, str]]:
        if answer.decision is Decision.NO:
            return ()
        found: list[tuple[ChannelKind, str]] = []
        for kind, typed in answer.channels:
            match kind:
                case ChannelKind.EMAIL:
                    found.append((kind, reachable.email(typed)))
                case ChannelKind.TEXT:
                    found.append((kind, reachable.telephone(typed, self._calling_code)))
                case ChannelKind.PRINT:
                    found.append((kind, ""))
        if any(kind is not ChannelKind.PRINT for kind, _ in found) and not answer.accepted:
            raise Invalid(
                "e-mail and text messages are not encrypted on their way, which has to be accepted",
                code="not_accepted",
                hint="or take the print-out",
            )
        return found

    def _wish(self, facts: AskFacts, answer: Answer, by: str) -> Wish:
        is_yes = answer.decision is Decision.YES
        method, evidence = _signed(answer)
        return Wish(
            decision=answer.decision,
            patient=facts.patient,
            decider=facts.decider,
            decider_name=facts.decider_name,
            authority=facts.authority,
            covers=facts.covers,
            orders=facts.orders,
            first=facts.first,
            last=facts.last,
            recipients=self._peers(answer.recipients) if is_yes else (),
            language=answer.language,
            method=method,
            witness=by,
            evidence=evidence,
            ends=facts.ends,
        )

    def _peers(self, named: Sequence[str]) -> tuple[tuple[Peer, str], ...]:
        with self._catalog.look() as records:
            known = {peer.id.hex(): peer for peer in records.peers.list()}
        missing = [one for one in named if one not in known]
        if missing:
            raise NotFound("a named practice is not known here", code="no_peer")
        return tuple((known[one], COMMAND_READ) for one in named)


def _signed(answer: Answer) -> tuple[Method, str]:
    """Return how an answer was expressed, and what shows it."""
    if answer.drawn:
        return Method.DRAWN, f"drawn signature, SHA-256 {sha256(answer.drawn).hexdigest()}"
    if answer.typed:
        return Method.TYPED, f"typed name: {answer.typed}"
    return Method.PRESSED, ""


def _unopened(records: Records, ask_id: bytes) -> Ask:
    ask = records.desk.ask(ask_id)
    if ask is None:
        raise NotFound("no such question", hint="it may be of yesterday; ask again")
    if ask.done_ms is not None:
        raise Conflict("this was answered or dropped already", code="asked")
    if ask.session:
        raise Conflict(
            "another device shows this question already",
            code="opened",
            hint="drop it and ask again, if that device is not here any more",
        )
    return ask


def _spelled(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    count = -(-len(raw) * 8 // 5)
    text = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))
    return "-".join(text[start : start + _GROUP] for start in range(0, count, _GROUP))


def _read(typed: str) -> bytes:
    """Read a handle as typed; nothing when it is none."""
    text = typed[:64].upper().translate(_TO_READ)
    if len(text) != -(-_HANDLE * 8 // 5) or set(text) - set(_ALPHABET):
        return b""
    number = 0
    for letter in text:
        number = number << 5 | _ALPHABET.index(letter)
    return number.to_bytes(_HANDLE, "big") if number < 1 << 8 * _HANDLE else b""


def _id_of(secret: str) -> bytes | None:
    try:
        raw = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return sha256(raw).digest() if len(raw) == SECRET else None


def _over() -> NotFound:
    return NotFound(
        "the time to answer is over, or it was answered", code="ask_over", hint="ask at the desk"
    )
