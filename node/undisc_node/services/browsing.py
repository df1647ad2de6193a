"""Browser sessions: who passed a link's protection in a browser, and what they see at this moment.

A session is an opaque random cookie of which the catalog keeps the hash. What it opens is not
written down: it is looked up anew at every request, from grants, shares, links and studies, so a
revocation works at the next image and not at the next sign-in. A session ends after an hour.

    session = browsing.session_of(cookie)      raises when nothing is open any more
    session.studies, session.series            the scope, as `dicomweb.scope.Allowed` takes it
    browsing.note(session, Access.VIEWED, study)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.browsing_rows import (
    SESSION_MS,
    Access,
    AccessRow,
    BrowserSession,
    Kind,
    Opened,
    SessionRow,
)
from undisc_node.services.errors import Refused
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.standing import standing_grant
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.did import Did, decode_did
from undisc_protocol.errors import NotGranted, RemoteProtocolError, Revoked
from undisc_protocol.log import Actor

_COOKIE: Final = 32  # random bytes of a cookie
_KEPT_MS: Final = 24 * 3_600_000  # for which sessions that are over are kept, to say so
_LOGGED: Final = {Access.VIEWED: "study.viewed", Access.COPIED: "study.copied"}


class Browsing:
    """Begins, checks and ends browser sessions.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Cookies.
    """

    def __init__(
        self, *, catalog: Catalog, journal: Journal, clock: Clock, entropy: Entropy
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy

    # --- Beginning --------------------------------------------------------------------------------

    def begin(
        self,
        records: Records,
        *,
        kind: Kind,
        link: Did,
        visit: bytes | None = None,
        use: int = 0,
        name: str = "",
        test: bool = False,
    ) -> tuple[str, SessionRow]:
        """Begin a session within an open change: its opener has just passed the protection.

        Args:
            records: The change in which the use was counted.
            kind: Whose it is.
            link: The key that opened it.
            visit: The visit, for a patient's.
            use: Which use of the link it is.
            name: Who the reader says to be.
            test: Whether the patient tries the link.

        Returns:
            The cookie's value, 43 characters, and the row.
        """
        secret, now_ms = self._entropy.random(_COOKIE), self._clock.now_ms()
        row = SessionRow(
            hash=sha256(secret).digest(),
            kind=kind,
            link=link,
            visit=visit,
            use=use,
            name=name,
            test=test,
            created_ms=now_ms,
            until_ms=now_ms + SESSION_MS,
        )
        records.browsing.add(row)
        return base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), row

    # --- Checking ---------------------------------------------------------------------------------

    def session_of(self, cookie: str) -> BrowserSession:
        """Return the session of a cookie as it stands now; call at every request.

        Raises:
            Refused: `session_over`: no such session, or it has ended.
            RemoteProtocolError: `revoked`, `expired`, `study_unavailable` or `suspended`: what a
                link opened is not open any more. A patient's own session stays open, so that
                accesses can be read and shares revoked.
        """
        hashed = _hash_of(cookie)
        with self._catalog.look() as records:
            row = records.browsing.get(hashed) if hashed else None
            if row is None or row.until_ms <= self._clock.now_ms():
                raise _over()
            opens = self._opens(records, row)  # says why, where a revocation has closed it
            if row.ended_ms is not None:
                raise _over()
            return BrowserSession(row, opens)

    def stands(self, session: BrowserSession) -> bool:
        """Tell whether a session still opens all that it did; for answers that take long."""
        with self._catalog.look() as records:
            row = records.browsing.get(session.id)
            if row is None or row.ended_ms is not None or row.until_ms <= self._clock.now_ms():
                return False
            try:
                now = {(one.grant, one.share) for one in self._opens(records, row)}
            except RemoteProtocolError:
                return False
        return now.issuperset((one.grant, one.share) for one in session.opens)

    def _opens(self, records: Records, row: SessionRow) -> tuple[Opened, ...]:
        if row.kind is Kind.PATIENT:
            key = records.patients.key(row.link)
            if key is None or key.ended_ms is not None:
                raise Revoked("the link was ended by the practice")
            return tuple(self._of_patient(records, row.link)) if key.retired_ms is None else ()
        return opened_by_link(records, row.link, self._clock.now_ms() // 1000)

    def _of_patient(self, records: Records, did: Did) -> Iterator[Opened]:
        for made in records.patients.grants(did):
            try:
                grant = standing_grant(records, made.grant, None, self._clock.now_ms() // 1000)
            except RemoteProtocolError:
                continue
            yield Opened(grant.study, (), COMMAND_READ, grant.id, None, grant.expires)

    # --- What was done ----------------------------------------------------------------------------

    def note(self, session: BrowserSession, what: Access, study: bytes) -> None:
        """Note that a session looked at a study or downloaded it; once for each, also in the log.

        Call it before the first byte is sent.

        Raises:
            Refused: The session does not open the study.
        """
        opened = session.of_study(study)
        if opened is None:
            raise Refused("the study is not open to this page", code="not_open")
        with self._catalog.look() as records:
            if records.browsing.noted(session.id, what, study):
                return
        given = ("share", opened.share) if opened.share else ("grant", opened.grant)
        with self._catalog.change() as records:
            if not records.browsing.note(self._access(session, what, study)):
                return
            row = records.studies.get(study)
            self._journal.note(
                records,
                _LOGGED[what],
                who=reader(session.row, session.net),
                what=[
                    *(auditing.about_study(row) if row else ()),
                    auditing.about_security("link", decode_did(session.link)),
                    auditing.about_security(*given),
                ],
                detail={"kind": session.kind.value, "test": int(session.row.test)},
            )

    def _access(self, session: BrowserSession, what: Access, study: bytes) -> AccessRow:
        return AccessRow(
            at_ms=self._clock.now_ms(),
            kind=what,
            link=session.link,
            study=study,
            session=session.id,
            who=session.row.name,
            node=None,
        )

    # --- Ending -----------------------------------------------------------------------------------

    def end(self, cookie: str) -> None:
        """End a session, as its reader wishes; an unknown one changes nothing."""
        hashed = _hash_of(cookie)
        if hashed is None:
            return
        with self._catalog.change() as records:
            records.browsing.close(hashed, self._clock.now_ms())

    def forget(self) -> None:
        """Remove sessions that were over a day ago."""
        until_ms = self._clock.now_ms() - _KEPT_MS
        with self._catalog.change() as records:
            records.browsing.forget(until_ms)


def opened_by_link(records: Records, link: Did, now: int) -> tuple[Opened, ...]:
    """Return what a share's link opens now, newest first.

    Raises:
        RemoteProtocolError: Nothing; why not.
    """
    row = records.links.get(link)
    if row is None:
        raise NotGranted("nothing was shared with this link here")
    if row.revoked_ms is not None:
        raise Revoked("the link was revoked")
    found: dict[bytes, Opened] = {}
    problems: list[RemoteProtocolError] = []
    for share in records.shares.list(audience=link):
        try:
            grant = standing_grant(records, share.grant, share, now)
        except RemoteProtocolError as problem:
            problems.append(problem)
            continue
        expires = min(grant.expires, share.expires)
        found.setdefault(
            share.study,
            Opened(share.study, share.series, share.command, grant.id, share.id, expires),
        )
    for given in records.grants.list(audience=link):  # in an emergency, without a share
        try:
            grant = standing_grant(records, given.id, None, now)
        except RemoteProtocolError as problem:
            problems.append(problem)
            continue
        opens = Opened(grant.study, (), grant.command, grant.id, None, grant.expires)
        found.setdefault(grant.study, opens)
    if not found:
        raise problems[0] if problems else NotGranted("nothing was shared with this link here")
    return tuple(found.values())


def _over() -> Refused:
    return Refused(
        "this page was open for too long, or was closed",
        code="session_over",
        hint="open the link again",
    )


def reader(row: SessionRow, net: str = "") -> Actor:
    """Name the reader of a session for the log: by its hash, and as they call themselves."""
    role = "patient" if row.kind is Kind.PATIENT else "reader"
    return Actor(user=row.hash.hex()[:16], name=row.name, role=role, requestor=True, net=net)


def _hash_of(cookie: str) -> bytes | None:
    """Return the hash of a cookie, or None for what no session has ever had."""
    try:
        secret = base64.urlsafe_b64decode(cookie + "=")
    except (binascii.Error, ValueError):
        return None
    if len(secret) != _COOKIE or base64.urlsafe_b64encode(secret).rstrip(b"=").decode() != cookie:
        return None
    return sha256(secret).digest()
