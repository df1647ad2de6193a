"""A revocation stops a transfer that is running, within one slice."""

from __future__ import annotations

import pytest

from support.refusing import Practice
from support.revocation import large_study, revoke_while_moving
from support.two_nodes import running
from undisc_protocol import limits

pytestmark = pytest.mark.integration

IN_FLIGHT = 2**20  # bytes that the system holds between the two ends; they had left before


def test_after_a_revocation_at_most_one_slice_is_handed_over():
    """Somebody reads as fast as bytes come when the permission is taken back."""
    with running("Practice A") as [node]:
        practice = Practice(node)
        study = large_study(practice)
        for _ in range(3):
            done = revoke_while_moving(practice, study)
            assert 0 < done.before < done.total
            assert done.after <= limits.SLICE + IN_FLIGHT
            assert done.before + done.after < done.total
