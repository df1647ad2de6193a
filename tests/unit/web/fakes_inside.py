"""Stand-ins for what the internal listener calls."""

from __future__ import annotations

from undisc_node.services.readiness import Check
from undisc_node.web.internal import InternalUses
from unit.web.fakes_department import FakeStaff


def inside_uses(checks=lambda: (Check("database"), Check("disk"))) -> InternalUses:
    return InternalUses(
        checks=checks,
        metrics=lambda: b"# EOF\n",
        metrics_type="application/openmetrics-text",
        staff=FakeStaff(),
        **dict.fromkeys(("dicomweb", "desk", "asked")),
    )
