"""Port to the keys and shares of patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from undisc_node.services.patient_rows import PatientGrant, PatientKey, PatientShare
from undisc_protocol.did import Did


class PatientRecords(Protocol):
    """Keys of visits, and what patients shared."""

    def key(self, did: Did) -> PatientKey | None:
        """Return a key, or None."""

    def keys(self, visit: bytes) -> Sequence[PatientKey]:
        """List the keys of a visit, oldest first."""

    def by_handle(self, handle: bytes) -> PatientKey | None:
        """Return the link whose code has this keyed hash, or None."""

    def add_key(self, key: PatientKey) -> None:
        """Record a new key.

        Raises:
            Conflict: It is on record already.
        """

    def retire(self, did: Did, at_ms: int, *, ended: bool) -> None:
        """Let a key be replaced, or end it; its sealed secret and its code are forgotten."""

    def keyless(self, *, limit: int) -> Sequence[bytes]:
        """List open visits of a yes that have released studies and never had a key."""

    def ungranted(self, *, limit: int) -> Sequence[tuple[Did, bytes]]:
        """List keys in use of open visits, each with a released study not granted to it."""

    def grants(self, did: Did) -> Sequence[PatientGrant]:
        """List the grants to a key, by study."""

    def add_grant(self, grant: PatientGrant) -> None:
        """Note a grant.

        Raises:
            Conflict: There is one for this key and study already.
        """

    def share(self, share: bytes) -> PatientShare | None:
        """Return what was shared with one click, or None."""

    def shares(self, visit: bytes) -> Sequence[PatientShare]:
        """List what was shared of a visit, newest first."""

    def shares_to(self, audience: Did) -> Sequence[PatientShare]:
        """List what was shared with a recipient, newest first."""

    def add_share(self, share: PatientShare) -> None:
        """Record it with its parts, which must be on record."""

    def add_part(self, share: bytes, part: bytes) -> None:
        """Add a part to what was shared; the part must be on record."""

    def tested(self, share: bytes, at_ms: int) -> None:
        """Note that the patient tried it to the end."""
