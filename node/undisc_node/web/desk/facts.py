"""What a decision is about, as the desk types it: the same fields for a tablet and for paper."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Final

from undisc_node.services.ask_facts import AskFacts
from undisc_node.services.consent_rows import Covers, Decider
from undisc_node.services.department_rows import Order
from undisc_node.services.model import Patient
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.fields import read_hex
from undisc_node.web.pages.forms import Form

_NAME: Final = 64  # characters of a part of a name or of a number (VR PN and LO, PS3.5 §6.2)
FIELDS: Final[Mapping[str, str]] = {
    "no_patient_id": "patient_id",
    "no_authority": "authority",
    "minor": "decider-parent",
    "of_age": "decider-parent",
    "bad_end": "ends",
}
"""Code of what is wrong, and the field it is shown beside."""


def find_order(desk: DeskUses, order_id: str) -> Order | None:
    """Return an order of the day's list, or None when none is named."""
    return desk.ordering.find(read_hex("order", order_id, 16)) if order_id else None


def facts_of(form: Form, order: Order | None) -> AskFacts | None:
    """Read what is asked; problems are noted in the form."""
    patient = order.patient if order else _patient(form)
    decider, covers = form.choice("decider", Decider), form.choice("covers", Covers)
    language = form.text("language", most=16, needed=True)
    numbers = form.text("orders").replace(",", " ").split()
    if order and order.accession:
        numbers = [order.accession, *numbers]
    is_range = covers is Covers.DATES
    first, last = (
        form.text(name, most=10, needed=is_range).replace("-", "") if is_range else ""
        for name in ("first", "last")
    )
    ends = _day_end(form)
    if decider is None or covers is None:
        return None
    is_other = decider is not Decider.SELF
    return AskFacts(
        patient=patient,
        decider=decider,
        decider_name=form.text("decider_name", most=128, needed=is_other),
        authority=form.text("authority", most=256, needed=is_other),
        covers=covers,
        orders=tuple(dict.fromkeys(numbers)),
        first=first,
        last=last,
        ends=ends,
        recipients=form.many("to"),
        about=order.description if order else form.text("about", most=128),
        language=language,
    )


def _patient(form: Form) -> Patient:
    family, given = (
        form.text(name, most=_NAME, needed=True).replace("^", " ") for name in ("family", "given")
    )
    return Patient(
        name=f"{family}^{given}",
        id=form.text("patient_id", most=_NAME, needed=True),
        issuer=form.text("issuer", most=_NAME),
        birth_date=form.text("birth_date", most=10, needed=True).replace("-", ""),
        sex="",
    )


def _day_end(form: Form) -> int | None:
    """Read the last day of a yes as seconds since 1970; None when the field is empty."""
    text = form.text("ends", most=10)
    if not text:
        return None
    try:
        return int(datetime.combine(datetime.fromisoformat(text), time.max).timestamp())
    except (ValueError, OverflowError):
        form.problems["ends"] = "bad_end"
        return None
