"""`undisc consents record`: take a decision down; what was not given is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from undisc_admin.answer import Answer
from undisc_admin.asking import ask
from undisc_admin.command import Command
from undisc_admin.errors import CommandError, ExitCode
from undisc_admin.files import read_input
from undisc_admin.render import clean, count_of, day, moment, short
from undisc_admin.screen import confirm, hint, note, say_json
from undisc_admin.session import Session, pass_session
from undisc_admin.values import MAX_DAYS

_DECIDERS: Final = ("self", "parent", "guardian", "attorney")
_METHODS: Final = ("paper", "drawn", "typed", "spoken", "passkey")
_MAX_FACTS: Final = 65_536  # bytes; what the node takes in one request
_WHOLE_TIME: Final = {"first": "1900-01-01", "last": "2999-12-31"}  # of the day list


@click.command(
    "record",
    cls=Command,
    examples=[
        "undisc consents record --accession A-7 --to 'Riverside Radiology'",
        "undisc consents record yes --by self --language es --method paper --witness Anna",
        "undisc consents record --facts decision.json --json",
    ],
)
@click.argument("decision", type=click.Choice(["yes", "no"]), required=False)
@click.option("--accession", "orders", multiple=True, help="Order it is about; more than once.")
@click.option("--by", "decider", type=click.Choice(_DECIDERS), help="Who decided.")
@click.option("--to", "peers", metavar="PEER", multiple=True, help="A practice the patient names.")
@click.option("--view-only", is_flag=True, help="Named practices may only look.")
@click.option("--orders-only", is_flag=True, help="Cover these orders alone, not the whole visit.")
@click.option(
    "--first", metavar="DAY", default="", help="Cover the examinations of a range of days."
)
@click.option("--last", metavar="DAY", default="", help="Last day of the range.")
@click.option("--language", help="Of the text that was shown: `undisc consents text` lists them.")
@click.option("--method", type=click.Choice(_METHODS), help="How it was expressed.")
@click.option("--witness", help="The member of staff who was there.")
@click.option("--evidence", default="", help="Where the evidence is, such as a form's number.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), help="How long it lasts.")
@click.option(
    "--facts",
    type=click.Path(path_type=Path),
    help="All facts as JSON, as the admin API takes them; - for standard input.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether it is right; for scripts.")
@pass_session
def record(session: Session, /, *, facts: Path | None, yes: bool, **given: Any) -> None:
    """Take down what the patient decided: yes or no, by whom, and in which words.

    A yes opens a visit: its studies go to the practices you name, when they are released. A no is
    recorded too: nothing is sent, and the studies leave. What is missing is asked for. Number, name
    and birth date of the patient come from the day list, by accession number, or are asked for;
    they are no options, because other users of the machine can see command lines.
    """
    body = _from_file(facts) if facts else _asked(session, given)
    if not facts:
        _confirm(body, assume_yes=yes)
    answer = session.client.post("consents", body)
    if session.json_wanted:
        say_json(answer.raw)
        return
    _tell(answer)


def _from_file(path: Path) -> Mapping[str, object]:
    try:
        body = json.loads(read_input(path, limit=_MAX_FACTS, what="facts"))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CommandError(
            "the facts are not a JSON object",
            exit_code=ExitCode.INVALID,
            code="bad_facts",
            hint="docs/howto/record-consent.md has an example",
        )
    return body


def _asked(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the body of the request; ask for what nobody gave."""
    patient = _patient(session, given["orders"])
    languages = [one.text("language") for one in session.client.get("consent-texts").parts("texts")]
    decision = given["decision"] or ask("what was decided", choices=("yes", "no"))
    decider = given["decider"] or ask("who decided", choices=_DECIDERS, default="self")
    other = decider != "self"
    covers = "dates" if given["first"] else "orders" if given["orders_only"] else "visit"
    return {
        "decision": decision,
        **patient,
        "decider": decider,
        "decider_name": ask("name of who decided") if other else "",
        "authority": ask("what shows that they may, such as a document") if other else "",
        "covers": covers,
        "orders": list(given["orders"]),
        "first": given["first"],
        "last": given["last"],
        "peers": list(given["peers"]),
        "view_only": given["view_only"],
        "language": given["language"] or ask("language of the text", choices=languages),
        "method": given["method"] or ask("how it was expressed", choices=_METHODS),
        "witness": given["witness"] or ask("member of staff who was there"),
        "evidence": given["evidence"],
        "days": given["days"],
    }


def _patient(session: Session, orders: Sequence[str]) -> Mapping[str, object]:
    """Return whose decision it is: as the day list says, or as it is asked for."""
    for accession in orders:
        query = {"text": accession, **_WHOLE_TIME}
        for order in session.client.get("orders", query).parts("orders"):
            who = order.part("patient")
            if order.text("accession") == accession and who.text("id"):
                note(f"from the day list: {_shown(who)}, {clean(order.text('description'))}")
                return {
                    "patient_id": who.text("id"),
                    "patient_issuer": who.text("issuer"),
                    "patient_name": who.text("name"),
                    "birth_date": who.text("birth_date") or ask("birth date, such as 1970-01-31"),
                }
    return {
        "patient_id": ask("patient number"),
        "patient_issuer": ask("who gave that number (empty: as images say it)", needed=False),
        "patient_name": ask("name, as Family^Given"),
        "birth_date": ask("birth date, such as 1970-01-31"),
    }


def _shown(who: Answer) -> str:
    parts = (who.text("name"), who.text("id"), day(who.text("birth_date")))
    return clean(", ".join(part for part in parts if part))


def _confirm(body: Mapping[str, object], *, assume_yes: bool) -> None:
    peers = body["peers"]
    named = ", ".join(peers) if isinstance(peers, list) and peers else "nobody"
    confirm(
        f"record {body['decision']} of {body['patient_name']} ({body['patient_id']}),"
        f" naming {named}?",
        assume_yes=assume_yes,
    )


def _tell(answer: Answer) -> None:
    consent, visit = answer.part("consent"), answer.part("visit")
    name = short(visit.text("id"))
    if consent.text("decision") == "no":
        note(f"no is recorded as consent {short(consent.text('id'))}: nothing is sent")
        hint("its studies leave by themselves: undisc studies leaving")
        return
    note(
        f"yes is recorded as consent {short(consent.text('id'))},"
        f" until {moment(consent.text('ends'))}"
    )
    joined = sum(one.flag("belongs") for one in visit.parts("studies"))
    note(f"visit {name} is open with {count_of(joined, 'study', 'studies')}")
    hint(f"see what comes of it: undisc visits show {name}")
    hint(f"take it back: undisc consents withdraw {short(consent.text('id'))}")
