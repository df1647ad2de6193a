"""Replacing the key of a running node, and trying its recovery kit out.

    begin    opens the kit, makes the next record and the next kit, and keeps both, unseen
    confirm  gets the new kit as it was read back from where it was written; only then the key is
             changed on the disk, and the node builds itself anew under it

Between the two no secret is kept: the administrator gives the kit again. Whatever interrupts this,
the node is either who it was, with its old kit, or who it is next, with the new kit in the
administrator's hands; `begin` again goes on with the same kit, as long as its passphrase is given.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Refused, ServiceError, Unavailable
from undisc_node.services.identity import CARD_LIFETIME, OwnIdentity
from undisc_node.services.key_rows import BegunChange, ChangedKey, KeyStatus, Knower
from undisc_node.services.model import PeerState
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.theft import stop_after_theft
from undisc_node.storage import home as homes
from undisc_node.storage import key_change
from undisc_node.succession.kits import (
    check_kit_fits,
    check_passphrase,
    next_identity,
    opened_kit,
)
from undisc_protocol.errors import ProtocolError
from undisc_protocol.identity import Identity, commitment, read_identity, read_identity_record
from undisc_protocol.keys import SignKey
from undisc_protocol.kit import Kit

_DAY: Final = 86_400  # seconds


class KeyCeremony:
    """Looks after the node's own keys.

    Args:
        home: Directory of the node's state.
        own: Who the node is while this runs.
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Recovery keys.
        drill_days: Days after which a drill is due again.
        draw: Draws a kit's page as PDF.
        renew: Lets the node build itself anew, soon after this answers.
    """

    def __init__(
        self,
        *,
        home: Path,
        own: OwnIdentity,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        drill_days: int,
        draw: Callable[[str], bytes],
        renew: Callable[[], None],
    ) -> None:
        self._home = home
        self._own = own
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._drill_days = drill_days
        self._draw = draw
        self._renew = renew
        self._one_at_a_time = Lock()

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def status(self) -> KeyStatus:
        """Return what there is to know about the keys, without any of them."""
        newest = self._own.identity.records[-1]
        drill = key_change.drilled(self._home, newest)
        fits = drill is not None and drill.fits
        at = drill.at if drill is not None and fits else None
        with self._catalog.look() as records:
            made = {one.peer: one for one in records.rounds.list()}
            knowers = tuple(
                Knower(
                    peer.id,
                    peer.name,
                    peer.state,
                    made[peer.id].knows if peer.id in made else None,
                    made[peer.id].heard_ms if peer.id in made else None,
                )
                for peer in records.peers.list()
                if peer.state is not PeerState.REVOKED
            )
        return KeyStatus(
            node_id=self._own.id,
            words=self._own.words,
            did=self._own.key.did,
            number=self._own.identity.number,
            issued=read_identity_record(newest).issued,
            drilled=at,
            kit_fits=fits,
            drill_due=not fits or (at is not None and self._now() - at > self._drill_days * _DAY),
            begun=key_change.staged(self._home) is not None,
            card_expires=self._now() + CARD_LIFETIME,
            knowers=knowers,
        )

    def drill(self, kit: bytes, passphrase: str, actor: str) -> KeyStatus:
        """Prove that a kit opens and holds the right next key; nothing changes but the date.

        Raises:
            Invalid: It is no kit.
            Refused: The passphrase is wrong, or it is not the node's present kit.
        """
        with self._one_at_a_time:
            here = self._present()
            self._fitting(kit, passphrase, here)
            key_change.mark_drilled(self._home, here.records[-1], at=self._now())
            with self._catalog.change() as records:
                self._journal.note(
                    records,
                    "node.kit_drilled",
                    who=auditing.user(actor),
                    detail={"number": here.number},
                )
        return self.status()

    def begin(self, kit: bytes, passphrase: str, new_passphrase: str, *, pdf: bool) -> BegunChange:
        """Make the next record and the next kit; nobody sees the record before `confirm`.

        Args:
            kit: The present kit's page.
            passphrase: Opens it.
            new_passphrase: Protects the next one.
            pdf: Whether the next kit is wanted as PDF, too.

        Raises:
            Invalid: It is no kit, or the new passphrase is too short.
            Refused: The passphrase is wrong, or it is not the node's present kit.
            Conflict: The node has had as many keys as allowed.
            Unavailable: The node is taking up another key just now, or the disk does not take it.
        """
        check_passphrase(new_passphrase)
        with self._one_at_a_time:
            here = self._present()
            opened = self._fitting(kit, passphrase, here)
            waiting = key_change.staged(self._home)
            resumed = waiting is not None and self._goes_on(waiting, here, new_passphrase)
            if waiting is None or not resumed:
                # One that waits was shown to nobody, so there may be another one in its place.
                made, page = next_identity(
                    opened,
                    here.records,
                    name=self._own.name,
                    passphrase=new_passphrase,
                    clock=self._clock,
                    entropy=self._entropy,
                )
                waiting = key_change.Waiting(made.records[-1], page)
                key_change.stage(self._home, waiting)
            number = read_identity_record(waiting.record).number
            return BegunChange(
                number, waiting.kit, self._draw(waiting.kit) if pdf else b"", resumed
            )

    def confirm(
        self,
        kit: bytes,
        passphrase: str,
        new_kit: bytes,
        new_passphrase: str,
        *,
        theft: bool,
        actor: str,
    ) -> ChangedKey:
        """Change the key, now that the new kit was read back from where it will be kept.

        Args:
            kit: The present kit's page.
            passphrase: Opens it.
            new_kit: The new kit's page, read from the file or medium it was written to.
            new_passphrase: Opens that.
            theft: Keys were stolen: suspend every permission, end tickets and sessions.
            actor: Who decided.

        Raises:
            Conflict: No change was begun.
            Invalid: One of the two is no kit.
            Refused: A passphrase is wrong, or a kit is not the one it has to be.
            Unavailable: The node is taking up another key just now, or the disk does not take it.
        """
        with self._one_at_a_time:
            here = self._present()
            waiting = key_change.staged(self._home)
            if waiting is None:
                raise Conflict(
                    "no change of the key was begun",
                    code="no_key_change",
                    hint="begin with: undisc keys rotate",
                )
            opened = self._fitting(kit, passphrase, here)
            record = read_identity_record(waiting.record)
            next_key = SignKey.from_seed(opened.recovery_seed)
            after = opened_kit(new_kit, new_passphrase, called="the new kit")
            if (
                record.key != next_key.did
                or commitment(SignKey.from_seed(after.recovery_seed)) != record.next_hash
                or (after.node_id, after.key_encryption_key)
                != (opened.node_id, opened.key_encryption_key)
            ):
                raise Refused(
                    "what was read back is not the kit that was just written",
                    code="wrong_kit",
                    hint="read the new kit back, not the old one; or begin again",
                )
            suspended, ended = self._note(record.number, theft=theft, actor=actor)
            key_change.commit(self._home, node_seed=opened.recovery_seed, record=waiting.record)
            key_change.mark_drilled(self._home, waiting.record, at=self._now())
            self._renew()
            return ChangedKey(record.number, record.key, suspended, ended)

    def _present(self) -> Identity:
        """Return who the node is by its home; refuse while it works as somebody it was."""
        here = read_identity(homes.read_home(self._home).records)
        if here.records != self._own.identity.records:
            raise Unavailable(
                "the node is taking up its next key",
                code="key_changing",
                hint="try again in some seconds; if that does not help, start the node again",
            )
        return here

    def _fitting(self, kit: bytes, passphrase: str, here: Identity) -> Kit:
        opened = opened_kit(kit, passphrase)
        check_kit_fits(opened, here)
        if opened.key_encryption_key != homes.read_home(self._home).key_encryption_key:
            raise Refused(
                "this recovery kit holds another key for the studies than the node works with",
                code="wrong_kit",
                hint="look for the kit that was written for this home: undisc keys status",
            )
        return opened

    def _goes_on(self, waiting: key_change.Waiting, here: Identity, new_passphrase: str) -> bool:
        """Tell whether what waits is the next record of the node, and its kit opens."""
        try:
            read_identity([*here.records, waiting.record])
            opened_kit(waiting.kit.encode(), new_passphrase)
        except (ProtocolError, ServiceError):
            return False
        return True

    def _note(self, number: int, *, theft: bool, actor: str) -> tuple[int, int]:
        """Write down what was decided before it is done: what is suspended, stays so."""
        now_ms = self._clock.now_ms()
        with self._catalog.change(vital=True) as records:
            stopped = (
                stop_after_theft(records, self._journal, actor=actor, now_ms=now_ms)
                if theft
                else (0, 0)
            )
            self._journal.note(
                records,
                "node.key_asked",
                who=auditing.user(actor),
                why="theft" if theft else "rotation",
                detail={"number": number},
            )
        return stopped
