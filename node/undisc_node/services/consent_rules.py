"""What may be recorded as a consent, and when it ends: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from undisc_node.services.consent_rows import Covers, Decider, Decision, Method, Scope
from undisc_node.services.consent_statement import MAX_ORDERS, MAX_RECIPIENTS
from undisc_node.services.errors import Invalid
from undisc_node.services.model import Patient, Peer
from undisc_protocol import limits

_DAY: Final = 86_400  # seconds
MAX_DAYS: Final = limits.GRANT_LIFETIME // _DAY
_LONGEST_RANGE: Final = timedelta(days=MAX_DAYS)  # of examinations that one consent covers


@dataclass(frozen=True, slots=True)
class Wish:
    """A decision as it was taken down.

    Attributes:
        decision: What was decided.
        patient: About whose images; id and birth date are needed.
        decider: Who decided.
        decider_name: Their name; may be empty for the patient.
        authority: What showed that they may decide for the patient.
        covers: What it is about.
        orders: Accession numbers, as far as they are known.
        first: First day, `YYYYMMDD`, for a range of days.
        last: Last day.
        recipients: Practices that the patient names, and what each may do.
        language: Of the text that was put before them.
        method: How the decision was expressed.
        witness: The member of staff who was there.
        evidence: Where the evidence is; may be empty.
        ends: End in seconds since 1970, or None for the practice's usual one.
    """

    decision: Decision
    patient: Patient
    decider: Decider
    decider_name: str
    authority: str
    covers: Covers
    orders: tuple[str, ...]
    first: str
    last: str
    recipients: tuple[tuple[Peer, str], ...]
    language: str
    method: Method
    witness: str
    evidence: str
    ends: int | None


def check(wish: Wish, today: date) -> None:
    """Check everything that does not need the catalog.

    Raises:
        Invalid: Something is missing or cannot be.
    """
    if not wish.patient.id:
        raise Invalid(
            "a consent needs the patient's number here",
            code="no_patient_id",
            hint="a name is never enough to find somebody's images",
        )
    born = _day(wish.patient.birth_date, "the birth date")
    if born > today:
        raise Invalid("the birth date is in the future", code="bad_day")
    if any(len(text) > limits.MAX_ATTRIBUTE for text in (wish.patient.name, wish.patient.id)):
        raise Invalid(f"name and number have at most {limits.MAX_ATTRIBUTE} characters")
    if not wish.witness.strip():
        raise Invalid("a consent needs the name of the member of staff who was there")
    if wish.decider is not Decider.SELF and not (wish.authority.strip() and wish.decider_name):
        raise Invalid(
            "who decides for somebody else is named, with what shows that they may",
            code="no_authority",
            hint="for example the number of a document you have seen",
        )
    if wish.decision is Decision.NO and wish.recipients:
        raise Invalid("a no names nobody", hint="nothing is sent to anybody")
    nodes = [peer.id for peer, _ in wish.recipients]
    if len(nodes) > MAX_RECIPIENTS or len(set(nodes)) < len(nodes):
        raise Invalid(f"a consent names up to {MAX_RECIPIENTS} different practices")
    if len(wish.orders) > MAX_ORDERS or not all(one.strip() for one in wish.orders):
        raise Invalid(f"a consent names up to {MAX_ORDERS} accession numbers")


def scope_of(wish: Wish, today: date) -> Scope:
    """Return what a consent is about.

    Raises:
        Invalid: It cannot be about that.
    """
    orders = tuple(sorted(set(wish.orders)))
    if wish.covers is not Covers.DATES and (wish.first or wish.last):
        raise Invalid("days belong to a consent for a range of days")
    if wish.covers is Covers.DATES:
        first, last = _day(wish.first, "the first day"), _day(wish.last, "the last day")
        if not first <= last <= first + _LONGEST_RANGE:
            raise Invalid(f"a range of days has 1 to {MAX_DAYS} days", code="bad_day")
        return Scope(wish.covers, orders, wish.first, wish.last)
    if wish.covers is Covers.ORDERS:
        if not orders:
            raise Invalid("a consent for orders names their accession numbers")
        return Scope(wish.covers, orders, "", "")
    day = f"{today:%Y%m%d}"
    return Scope(wish.covers, orders, day, day)


def end_of(wish: Wish, *, now: int, days: int, majority_years: int) -> int:
    """Return when a yes ends, seconds since 1970.

    What a parent decided ends when the child comes of age, whatever was asked for.

    Args:
        wish: The decision.
        now: The time, seconds since 1970.
        days: How long a consent lasts when nothing else is said.
        majority_years: At which age a person decides alone.

    Raises:
        Invalid: The end cannot be; or whoever decides cannot, by the patient's age.
    """
    ends = now + min(days, MAX_DAYS) * _DAY if wish.ends is None else wish.ends
    if not now < ends <= now + limits.GRANT_LIFETIME:
        raise Invalid(
            f"a consent ends in the future, at most {MAX_DAYS} days from now", code="bad_end"
        )
    of_age = _birthday(_day(wish.patient.birth_date, "the birth date"), majority_years)
    is_minor = now < of_age
    if wish.decider is Decider.PARENT:
        if not is_minor:
            raise Invalid(
                "the patient is of age, so a parent cannot decide",
                code="of_age",
                hint="they decide themselves, or a guardian or attorney does",
            )
        return min(ends, of_age)
    if wish.decider is Decider.SELF and is_minor and not wish.authority.strip():
        raise Invalid(
            f"the patient is younger than {majority_years}",
            code="minor",
            hint="a parent or guardian decides; or say on what ground this patient may",
        )
    return ends


def _birthday(born: date, years: int) -> int:
    try:
        day = born.replace(year=born.year + years)
    except ValueError:  # born on 29 February, and no leap year then
        day = date(born.year + years, 3, 1)
    return int(datetime.combine(day, time.min).astimezone().timestamp())


def _day(text: str, what: str) -> date:
    try:
        if len(text) != len("20261124"):
            raise ValueError  # noqa: TRY301 - one sentence for every way to be wrong
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a calendar day
    except ValueError:
        raise Invalid(f"{what} must be a day such as 2026-11-24", code="bad_day") from None
