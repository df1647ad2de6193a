"""A decision on paper or by word of mouth: taken down with all that a tablet asks.

Yes and no are two buttons of one form, as on the tablet. Whoever is signed in is the witness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from undisc_node.services.ask_facts import AskFacts
from undisc_node.services.consent_rows import ConsentText, Decision, Method
from undisc_node.services.department_rows import Order
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Invalid, ServiceError
from undisc_node.services.model import Patient, Peer
from undisc_node.web import keys
from undisc_node.web.asked import answers
from undisc_node.web.asked.words import blocks_of
from undisc_node.web.desk.facts import FIELDS, facts_of, find_order
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.rendering import language_of
from undisc_node.web.pages.texts import problem_text

_EVIDENCE: Final = 256  # characters of where a form is kept
_FIELDS: Final[Mapping[str, str]] = {**FIELDS, **answers.FIELDS, "no_evidence": "evidence"}


async def record_form(request: web.Request) -> web.StreamResponse:
    """GET /desk/record: what was signed or said; with `order`, by somebody of the day's list."""
    return await _form(request, request.query.get("order", ""), {}, {})


async def _form(
    request: web.Request,
    order_id: str,
    values: Mapping[str, list[str]],
    problems: Mapping[str, str],
    status: int = 200,
) -> web.Response:
    tongues = request.app[keys.PAGES].languages.own_names()

    def work(desk: DeskUses) -> tuple[Order | None, Sequence[Peer], Sequence[ConsentText]]:
        order = find_order(desk, order_id)
        about = AskFacts(order.patient if order else Patient())
        return order, desk.asking.offered(about), desk.consenting.texts()

    order, peers, texts = await run(request, work)
    carries = request.app[keys.ASKED].carries
    return desk_page(
        request,
        "desk/record.html",
        status=status,
        here="day",
        order=order,
        peers=[(peer.id.hex(), peer.name) for peer in peers],
        named=values.get("to", []),
        values={name: given[0] for name, given in values.items() if given},
        channels=values.get("channel", []),
        ways=[kind.value for kind in ChannelKind if kind is ChannelKind.PRINT or carries(kind)],
        problems=problems,
        tongues={one.language: tongues.get(one.language, one.language) for one in texts},
        texts=[(one, blocks_of(one.text)) for one in texts],
        language=language_of(request),
    )


async def record(request: web.Request) -> web.StreamResponse:
    """POST /desk/record: records the decision, and opens its visit."""
    form, by = await form_of(request), who(request).name
    order_id = form.text("order", most=32)
    order = await run(request, lambda desk: find_order(desk, order_id))
    facts, method = facts_of(form, order), form.choice("method", Method)
    answer = answers.answer_of(form, facts.language if facts else "")
    evidence = form.text("evidence", most=_EVIDENCE)
    if answer is not None and answer.decision is Decision.NO:
        for name in answers.FIELDS.values():  # addresses and PIN are nothing to somebody's no
            form.problems.pop(name, None)
        form.problems.pop("pin_again", None)
    problems = {name: problem_text(request, code) for name, code in form.problems.items()}
    if facts is not None and answer is not None and method is not None and not problems:
        try:
            _, visit = await run(
                request,
                lambda desk: desk.asking.take_down(
                    facts, answer, by, method=method, evidence=evidence
                ),
            )
        except (Invalid, ServiceError) as problem:
            problems = {_FIELDS.get(problem.reason, ""): problem_text(request, problem)}
        else:
            return see(f"/desk/visits/{visit.id.hex()}")
    values = {name: on for name, on in form.values().items() if name not in answers.SECRET_FIELDS}
    return await _form(request, order_id, values, problems, 422)
