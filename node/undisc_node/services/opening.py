"""Opening a link in a browser: look, open, claim (SPEC.md §6.13).

To look spends nothing, however often a mail scanner does it, also one that runs scripts: only a
person can pass on, with a PIN, a passcode, or a click that posts. Attempts are counted, durably,
before anything is compared. Whoever claims a patient's link puts their browser's own key in its
place, in one change: of two at once, one wins.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.browsing import Browsing, opened_by_link, reader
from undisc_node.services.browsing_rows import Access, AccessRow, BrowserSession, Kind, SessionRow
from undisc_node.services.errors import Conflict, Refused
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.link_looks import (
    CodeTries,
    Looked,
    check_left,
    contact_of_visit,
    no_attempts,
    of_patient,
    of_share,
)
from undisc_node.services.link_rows import LinkRow
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.patient_links import PatientLinks
from undisc_node.services.patient_rows import KeyKind, PatientKey, PatientShare
from undisc_node.services.ports import Catalog, Clock, Records
from undisc_node.services.revoking import revoke_within
from undisc_node.services.second_step import (
    SecondStep,
    asking_share,
    context_of_share,
    context_of_visit,
)
from undisc_protocol import limits
from undisc_protocol.browser import Act, Asked, read_browser
from undisc_protocol.did import Did, decode_did
from undisc_protocol.errors import (
    BadFields,
    Locked,
    NotGranted,
    Replayed,
    Revoked,
    UsesUsedUp,
    WrongPasscode,
)
from undisc_protocol.keys import code_handle
from undisc_protocol.link_code import read_code
from undisc_protocol.log import Actor

_UNKNOWN_READER: Final = "browser"


class Opening:
    """Looks at links, opens and claims them.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        own: Who we are.
        passcodes: Compares.
        browsing: Begins sessions.
        links: Grants to new keys.
        key_encryption_key: Finds codes.
        second: Sends and checks one-time codes.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        own: OwnIdentity,
        passcodes: Passcodes,
        browsing: Browsing,
        links: PatientLinks,
        key_encryption_key: bytes,
        second: SecondStep,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._own = own
        self._passcodes = passcodes
        self._browsing = browsing
        self._links = links
        self._kek = key_encryption_key
        self._typed = CodeTries(clock)
        self._second = second

    def greeting(self) -> tuple[bytes, int]:
        """Return to whom browsers address what they sign, and the time, seconds."""
        return self._own.id, self._now()

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def _asked(self, raw: bytes, act: Act) -> Asked:
        asked = read_browser(raw, own=self._own.id, now=self._now())
        if asked.act is not act:
            raise BadFields("the request of the browser is for something else")
        return asked

    # --- Looking ----------------------------------------------------------------------------------

    def look(self, raw: bytes) -> Looked:
        """Say what a link is; nothing is spent, counted or logged.

        Args:
            raw: The browser's request, signed by the link's key.

        Raises:
            NotGranted: There is no such link here.
            RemoteProtocolError: As `browser.read_browser`.
        """
        asked = self._asked(raw, Act.LOOK)
        with self._catalog.look() as records:
            key = records.patients.key(asked.link)
            if key is not None:
                return of_patient(records, key, self._now())
            return of_share(records, asked.link, self._now())

    def look_code(self, typed: str, who: str = "") -> Looked:
        """Say what the link beside a code is.

        Raises:
            LinkDamaged: Not a code.
            NotGranted: There is no such code here.
        """
        with self._catalog.look() as records:
            return of_patient(records, self._key_of_code(records, typed, who), self._now())

    def _key_of_code(self, records: Records, typed: str, who: str) -> PatientKey:
        self._typed.check(who)
        key = records.patients.by_handle(code_handle(self._kek, read_code(typed)))
        if key is None:
            self._typed.wrong(who)
            raise NotGranted("there is no such code here")
        return key

    # --- Opening ----------------------------------------------------------------------------------

    def open(self, raw: bytes, tester: BrowserSession | None = None) -> tuple[str, SessionRow]:
        """Pass the protection of a link.

        Args:
            raw: The browser's request, signed by the link's key.
            tester: The session of the patient who tries a share; no use is counted then.

        Returns:
            Cookie and row of the new session.

        Raises:
            RemoteProtocolError: `locked`, `wrong_passcode`, `attempts_used_up`, `uses_used_up`,
                or why it opens nothing.
            Refused: `no_pin`: no PIN was chosen for the visit.
        """
        asked = self._asked(raw, Act.OPEN)
        with self._catalog.look() as records:
            key = records.patients.key(asked.link)
        if key is not None:
            self._pass_pin(key, asked.passcode, asked)
            return self._begin_patient(key)
        return self._open_share(asked, tester)

    def open_code(self, typed: str, pin: str, who: str = "") -> tuple[str, SessionRow]:
        """Open a patient's link by its code and the PIN: there is no key then, and no sharing.

        Raises:
            LinkDamaged: Not a code.
            RemoteProtocolError: As `open`.
        """
        with self._catalog.look() as records:
            key = self._key_of_code(records, typed, who)
        self._pass_pin(key, pin, None)
        return self._begin_patient(key)

    def _pass_pin(self, key: PatientKey, pin: str | None, asked: Asked | None) -> None:
        """Compare a PIN that was counted before; an attempt stays counted when it was wrong."""
        with self._catalog.look() as records:
            row = records.wishes.pin(key.visit)
        if key.ended_ms is not None:
            raise Revoked("the link was ended by the practice")
        if row is None:
            raise Refused(
                "no PIN was chosen for this link",
                code="no_pin",
                hint="the practice sets one, on the telephone or at the desk",
            )
        if not pin:
            raise Locked("the link asks for its PIN")
        with self._catalog.change() as records:
            self._use_message(records, asked)
            if not records.wishes.take_attempt(key.visit):
                raise no_attempts("PINs")
        if self._passcodes.fits(row.kept, pin):
            with self._catalog.change() as records:
                now = records.wishes.pin(key.visit)
                if now is None or now.kept != row.kept:
                    raise Locked("the PIN was changed just now")
                records.wishes.give_back(key.visit)
            return
        with self._catalog.change() as records:
            now = records.wishes.pin(key.visit) or row
            self._note_key(records, "patient_link.wrong_pin", key, attempt=now.attempts)
            records.browsing.note(self._access(Access.WRONG, key.did))
        raise _wrong("PIN", now.max_attempts - now.attempts)

    def _begin_patient(self, key: PatientKey) -> tuple[str, SessionRow]:
        with self._catalog.change() as records:
            current = records.patients.key(key.did)
            if current is None or current.ended_ms is not None:
                raise Revoked("the link was ended by the practice")
            begun = self._browsing.begin(records, kind=Kind.PATIENT, link=key.did, visit=key.visit)
            self._note_key(records, "patient_link.opened", key, session=begun[1])
            records.browsing.note(self._access(Access.OPENED, key.did, begun[1].hash))
        return begun

    def _open_share(self, asked: Asked, tester: BrowserSession | None) -> tuple[str, SessionRow]:
        with self._catalog.look() as records:
            link = records.links.get(asked.link)
            if link is None:
                raise NotGranted("there is no such link here")
            opened_by_link(records, link.did, self._now())
            shared = next(iter(records.patients.shares_to(link.did)), None)
        check_left(link)
        test = tester is not None and shared is not None and shared.visit == tester.row.visit
        if link.passcode is not None:
            self._pass_passcode(link, asked)
        if shared is not None and shared.contact:
            self._pass_code(shared, asked)
        with self._catalog.change() as records:
            if link.passcode is None:
                self._use_message(records, asked)
            opened_by_link(records, link.did, self._now())
            if not test and not records.links.take_use(link.did):
                raise UsesUsedUp("the link was opened as often as it may be")
            begun = self._browsing.begin(
                records,
                kind=Kind.SHARE,
                link=link.did,
                use=link.uses + (0 if test else 1),
                name=asked.name,
                test=test,
            )
            self._note_opened(records, begun[1], shared)
        return begun

    def _pass_passcode(self, link: LinkRow, asked: Asked) -> None:
        if asked.passcode is None:
            raise Locked("the link asks for a passcode")
        assert link.passcode is not None  # noqa: S101 - the caller looked
        with self._catalog.change() as records:
            self._use_message(records, asked)
            if not records.links.take_attempt(link.did):
                raise no_attempts("passcodes")
        if self._passcodes.fits(link.passcode, asked.passcode):
            with self._catalog.change() as records:
                records.links.give_back(link.did)
            return
        with self._catalog.change() as records:
            now = records.links.get(link.did) or link
            self._journal.note(
                records,
                "link.wrong_passcode",
                who=_stranger(asked.name),
                what=[auditing.about_security("link", link.id)],
                outcome=auditing.MINOR_FAILURE,
                detail={"attempt": now.attempts},
            )
            records.browsing.note(self._access(Access.WRONG, link.did, who=asked.name))
        raise _wrong("passcode", now.max_attempts - now.attempts)

    # --- One-time codes ---------------------------------------------------------------------------

    def send_code(self, raw: bytes, language: str) -> None:
        """Send a one-time code to the contact that the patient has named for a link.

        Args:
            raw: The browser's request, signed by the link's key.
            language: In which the message is written.

        Raises:
            Refused: `no_contact`: the link asks for no code.
            Unavailable: Nothing can be sent now.
            TooManyAttempts: One was just sent, or too many today.
            RemoteProtocolError: The link opens nothing.
        """
        asked = self._asked(raw, Act.CODE)
        with self._catalog.change() as records:
            contact, context = self._contact_of(records, asked.link)
            self._use_message(records, asked)
        self._second.send(contact, context, language)

    def _contact_of(self, records: Records, did: Did) -> tuple[str, bytes]:
        """Return where codes for a link go, and what they are good for."""
        key = records.patients.key(did)
        if key is not None and key.ended_ms is None:
            contact = contact_of_visit(records, key.visit)
            if contact:
                return contact, context_of_visit(key.visit, contact)
        link = records.links.get(did)
        shared = asking_share(records, did)
        if link is None or shared is None:
            raise Refused("this link asks for no code", code="no_contact")
        opened_by_link(records, link.did, self._now())
        check_left(link)
        return shared.contact, context_of_share(shared)

    def _pass_code(self, shared: PatientShare, asked: Asked) -> None:
        if asked.code is None:
            raise Locked("the link asks for the code that was sent")
        self._second.check(context_of_share(shared), asked.code)

    def _use_message(self, records: Records, asked: Asked | None) -> None:
        if asked is None:
            return
        end_ms = (asked.expires + limits.CLOCK_SKEW) * 1000
        if not records.tickets.use_invocation(asked.id, end_ms):
            raise Replayed("this request was used before")

    # --- Claiming ---------------------------------------------------------------------------------

    def claim(self, raw: bytes) -> tuple[str, SessionRow]:
        """Let the browser's own key take the place of a link's; one of two at once wins.

        Args:
            raw: The browser's request, signed by the link's key, with the PIN.

        Returns:
            Cookie and row of a session of the new key.

        Raises:
            Conflict: `link_claimed`: another browser was first, and no code was given that was
                sent to the patient.
            RemoteProtocolError: As `open`.
        """
        asked = self._asked(raw, Act.CLAIM)
        with self._catalog.look() as records:
            key = records.patients.key(asked.link)
        if key is None:
            raise NotGranted("there is no such link here")
        self._pass_pin(key, asked.passcode, asked)
        assert asked.key is not None  # noqa: S101 - a claim has one
        if asked.code is not None:
            self._pass_visit_code(key, asked.code)
        proven = asked.code is not None
        return self._put_in_place(key, asked.key, software=asked.software, again=proven)

    def _pass_visit_code(self, key: PatientKey, code: str) -> None:
        """Accept the code that was sent to the patient: a way back after a lost device."""
        with self._catalog.look() as records:
            contact = contact_of_visit(records, key.visit)
        self._second.check(context_of_visit(key.visit, contact), code)

    def claim_code(
        self, typed: str, pin: str, new: Did, *, software: bool, who: str = ""
    ) -> tuple[str, SessionRow]:
        """Likewise with the code in the place of the link.

        Raises:
            Conflict: `link_claimed`: another browser was first.
            RemoteProtocolError: As `open_code`.
        """
        decode_did(new)
        with self._catalog.look() as records:
            key = self._key_of_code(records, typed, who)
        self._pass_pin(key, pin, None)
        return self._put_in_place(key, new, software=software)

    def _put_in_place(
        self, key: PatientKey, new: Did, *, software: bool, again: bool = False
    ) -> tuple[str, SessionRow]:
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            current = records.patients.key(key.did)
            if (
                current is None
                or current.ended_ms is not None
                or (current.retired_ms is not None and not again)
                or records.patients.key(new)
            ):
                raise Conflict(
                    "another browser has taken this link over already",
                    code="link_claimed",
                    hint="the practice gives you a new link if that was not you",
                )
            made = PatientKey(
                did=new,
                visit=key.visit,
                kind=KeyKind.BROWSER,
                sealed=None,
                handle=None,
                software=software,
                created_ms=now_ms,
            )
            records.patients.add_key(made)
            for old in records.patients.keys(key.visit):
                if old.did != new and old.retired_ms is None:
                    self._replace(records, old, made, now_ms)
            begun = self._browsing.begin(records, kind=Kind.PATIENT, link=new, visit=key.visit)
            self._note_key(records, "patient_link.claimed", made, session=begun[1])
        return begun

    def _replace(self, records: Records, old: PatientKey, new: PatientKey, now_ms: int) -> None:
        """Give what one key has to another; what the old one has shared stays alive."""
        granted = {one.study for one in records.patients.grants(new.did)}
        for made in records.patients.grants(old.did):
            if made.study not in granted:
                self._links.grant_within(records, new.did, new.visit, made.study)
            grant = records.grants.get(made.grant)
            shared = any(
                share.grant == made.grant and share.revoked_ms is None
                for share in records.shares.list(study=made.study)
            )
            if grant is not None and not shared:
                revoke_within(records, self._journal, grant, "undisc-node", now_ms)
        records.patients.retire(old.did, now_ms, ended=False)
        records.browsing.close_of_link(old.did, now_ms)

    # --- Notes ------------------------------------------------------------------------------------

    def _note_key(
        self,
        records: Records,
        kind: str,
        key: PatientKey,
        *,
        session: SessionRow | None = None,
        attempt: int = 0,
    ) -> None:
        self._journal.note(
            records,
            kind,
            who=reader(session) if session else _stranger(""),
            what=[auditing.about_security("link", key.id)],
            outcome=auditing.MINOR_FAILURE if attempt else auditing.SUCCESS,
            detail={"attempt": attempt} if attempt else {"software": int(key.software)},
        )

    def _note_opened(self, records: Records, row: SessionRow, shared: PatientShare | None) -> None:
        self._journal.note(
            records,
            "link.tested" if row.test else "link.opened",
            who=reader(row),
            what=[auditing.about_security("link", decode_did(row.link))],
            detail={"use": row.use},
        )
        what = Access.TESTED if row.test else Access.OPENED
        records.browsing.note(self._access(what, row.link, row.hash, row.name))
        if row.test and shared is not None:
            records.patients.tested(shared.id, row.created_ms)

    def _access(
        self, kind: Access, link: Did, session: bytes | None = None, who: str = ""
    ) -> AccessRow:
        return AccessRow(self._clock.now_ms(), kind, link, None, session, who, None)


def _stranger(name: str) -> Actor:
    return Actor(user=_UNKNOWN_READER, name=name, role="reader", requestor=True, net="")


def _wrong(what: str, left: int) -> WrongPasscode:
    problem = WrongPasscode(f"the {what} is not the one of the link")
    problem.hint = "no attempt is left" if left <= 0 else f"attempts left: {left}"
    return problem
