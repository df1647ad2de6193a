"""Builds what follows from the patient's decision: consents, visits, release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from undisc_node.config import Settings
from undisc_node.services.auditing import Journal
from undisc_node.services.consenting import Consenting
from undisc_node.services.department_rows import ReportState
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.offering import Offering
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.releasing import Releasing, When
from undisc_node.services.report_facts import ShownReport
from undisc_node.services.visiting import Visiting
from undisc_node.storage.consent_texts import PackagedTexts
from undisc_node.wiring.duties import Duty

_RELEASE_SECONDS: Final = 2.0  # how often due studies are looked for
_LOOK_SECONDS: Final = 60.0  # how often visits without studies are looked at again
_FINAL: Final = frozenset({ReportState.FINAL, ReportState.CORRECTED})


@dataclass(frozen=True, slots=True)
class ConsentParts:
    """What was built.

    Attributes:
        uses: Use cases of the admin socket, by their names there.
        duties: What is done again and again.
    """

    uses: Mapping[str, Any]
    duties: tuple[Duty, ...]


def build_consents(
    settings: Settings,
    *,
    visiting: Visiting,
    reports_of: Callable[[bytes], Sequence[ShownReport]],
    catalog: Catalog,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
    own: OwnIdentity,
    offering: Offering,
) -> ConsentParts:
    """Build it from the settings."""
    consenting = Consenting(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        texts=PackagedTexts(),
        visiting=visiting,
        days=settings.consent_days,
        majority_years=settings.consent_majority_years,
    )

    def has_final_report(study: bytes) -> bool:
        return any(
            report.facts is not None and report.facts.state in _FINAL
            for report in reports_of(study)
        )

    releasing = Releasing(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        own=own,
        offering=offering,
        visiting=visiting,
        has_final_report=has_final_report,
        when=When(settings.release_when),
        minutes=settings.release_minutes,
    )
    return ConsentParts(
        uses={"consenting": consenting, "visiting": visiting, "releasing": releasing},
        duties=(
            Duty("releasing visits", _RELEASE_SECONDS, releasing.release_due),
            Duty("looking for studies of visits", _LOOK_SECONDS, visiting.look_again),
        ),
    )
