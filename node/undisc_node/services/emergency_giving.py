"""Giving images out in an emergency: to a trusted practice, or by a link that opens once.

What the desk and the admin socket have in common. Who is told stands in `emergencies`, what may be
given at all in `granting`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from undisc_node.services.errors import Conflict
from undisc_node.services.granting import Granting
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Basis, Grant, Peer
from undisc_node.services.passcodes import Passcodes
from undisc_protocol.link import write_link


@dataclass(frozen=True, slots=True)
class Given:
    """What was given.

    Attributes:
        grant: The row.
        offer: The offer for the recipient's node, or None for a link.
        link: The link, shown once and kept nowhere; empty for a node.
    """

    grant: Grant
    offer: bytes | None
    link: str = field(repr=False)


class EmergencyGiving:
    """Gives out in an emergency.

    Args:
        granting: Makes grants.
        passcodes: Hashes passcodes of links.
        own: Where links lead.
    """

    def __init__(self, *, granting: Granting, passcodes: Passcodes, own: OwnIdentity) -> None:
        self._granting = granting
        self._passcodes = passcodes
        self._own = own

    def give(
        self,
        *,
        study: bytes,
        peer: Peer | None,
        staff: str,
        purpose: str,
        expires: int,
        command: str,
        actor: str,
        passcode: str = "",
    ) -> Given:
        """Give a study out, and tell of it.

        Args:
            study: The study's id.
            peer: The trusted node that gets it; None for a link that opens once.
            staff: Who answers for it, by name.
            purpose: Why.
            expires: End, seconds since 1970; at most 72 hours from now.
            command: `/img/read` or `/img/view`.
            actor: Who does it.
            passcode: Of the link, as typed; empty for none.

        Raises:
            Conflict: `no_address`: this node has no address that a link could lead to.
            ServiceError: As `Granting.create`, and as `Passcodes.keep`.
        """
        if peer is None and not self._own.urls:
            raise Conflict(
                "this node has no public address, so a link to it would lead nowhere",
                code="no_address",
                hint="set urls under [public] in undisc.toml and restart the node",
            )
        kept = self._passcodes.keep(passcode) if peer is None and passcode else None
        granted = self._granting.create(
            study=study,
            peer=peer,
            basis=Basis.EMERGENCY,
            staff=staff,
            purpose=purpose,
            expires=expires,
            command=command,
            actor=actor,
            passcode=kept,
        )
        secret = granted.link_secret
        link = write_link(self._own.urls[0], secret) if secret is not None else ""
        return Given(granted.grant, granted.offer, link)
