"""Fetching with a link at the desk: paste it, type what protects it, see how far it is.

A link, a passcode and a code come in the body of a form, never in an address. While a step is
missing the page gives back to its own form what was typed so far: it is kept nowhere here, and no
cache may keep the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from undisc_node.services.errors import ServiceError
from undisc_node.services.model import Fetch, FetchState
from undisc_node.web.admin_uses import Progress
from undisc_node.web.desk.sessions import desk_page, form_of, run, see, who
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.pages.rendering import translated
from undisc_node.web.pages.texts import N_, problem_text
from undisc_node.web.rendering import problem_json
from undisc_protocol import limits
from undisc_protocol.errors import (
    CodeAsked,
    CodesUsedUp,
    Locked,
    ProtocolError,
    WrongCode,
    WrongPasscode,
)

_PLACE: Final = "/desk/fetches"
_MOST: Final = 20  # fetches on the page: those of today in a busy practice
_PASTED: Final = 8_192  # characters; mail programs make a link longer, as `undisc fetch` reads it
_STEP: Final[Mapping[str, str]] = {
    Locked.code: "passcode",
    WrongPasscode.code: "passcode",
    CodeAsked.code: "code",
    WrongCode.code: "code",
    CodesUsedUp.code: "code",
}
"""What the holder's answer asks for next."""
_SAID: Final[Mapping[str, str]] = {
    Locked.code: N_("This link asks for a passcode."),
    WrongPasscode.code: N_("That was not the passcode."),
    CodeAsked.code: N_("The other practice has sent a code to whom the patient named."),
    WrongCode.code: N_("That was not the code, or it is over."),
    CodesUsedUp.code: N_("This code cannot be tried any more. Let a new one be sent."),
}
"""What is said about it here."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody has typed so far.

    Attributes:
        link: As pasted.
        passcode: As typed.
        step: What is asked for now: `link`, `passcode` or `code`.
    """

    link: str = field(default="", repr=False)
    passcode: str = field(default="", repr=False)
    step: str = "link"


@dataclass(frozen=True, slots=True)
class Line:
    """A fetch as the page shows it.

    Attributes:
        fetch: The row.
        progress: How far it is.
        practice: The holder's name.
        problem: What stopped it or what it waits for; empty while all is well.
        hint: What helps.
    """

    fetch: Fetch
    progress: Progress
    practice: str
    problem: str
    hint: str

    @property
    def goes_on(self) -> bool:
        """Whether the page changes by itself."""
        return self.fetch.state is FetchState.RUNNING

    @property
    def share(self) -> int:
        """How much of it is here, percent."""
        return min(100, 100 * self.progress.bytes_done // max(self.fetch.size, 1))


async def fetches(request: web.Request) -> web.StreamResponse:
    """GET /desk/fetches: brings studies with a link, and shows what was brought."""
    return await _fetches(request, Typed())


async def _fetches(
    request: web.Request, typed: Typed, problem: str = "", told: str = "", status: int = 200
) -> web.Response:
    found = await run(request, _lines)
    return desk_page(
        request,
        "desk/fetches.html",
        status=status,
        here="fetches",
        found=found,
        typed=typed,
        problem=problem,
        told=told,
        most_link=_PASTED,
        most_passcode=limits.MAX_PASSCODE,
        most_code=limits.MAX_ONE_TIME_CODE,
    )


def _lines(desk: DeskUses) -> Sequence[Line]:
    names = {peer.id: peer.name for peer in desk.peers()}
    lines = []
    for fetch in desk.fetching.list()[:_MOST]:
        progress = desk.fetching.progress(fetch.id)
        problem = problem_json(fetch.problem or progress.problem) or {}
        lines.append(
            Line(
                fetch,
                progress,
                names.get(fetch.peer) or fetch.peer.hex()[:8],
                str(problem.get("message", "")),
                str(problem.get("hint", "")),
            )
        )
    return lines


async def start(request: web.Request) -> web.StreamResponse:
    """POST /desk/fetches: asks the practice behind a link, and begins to fetch what it opens."""
    form, by = await form_of(request), who(request).name
    link = form.text("link", most=_PASTED, needed=True, lines=True)
    passcode = form.secret("passcode", most=limits.MAX_PASSCODE)
    code = form.secret("code", most=limits.MAX_ONE_TIME_CODE)
    if form.problems:
        said = problem_text(request, form.problems["link"])
        return await _fetches(request, Typed(), said, status=400)
    try:
        await run(request, lambda desk: desk.link_fetching.start(link, passcode, by, code))
    except ProtocolError as problem:
        return await _next_step(request, Typed(link, passcode), problem)
    except ServiceError as problem:
        said = problem_text(request, problem)
        return await _fetches(request, Typed(link, passcode), said, status=problem.status)
    return see(_PLACE)


async def _next_step(request: web.Request, typed: Typed, problem: ProtocolError) -> web.Response:
    """Ask for what the holder asks for; what was right before need not be typed again."""
    step = _STEP.get(problem.code, "link")
    said = _said(request, problem)
    keeps = Typed(typed.link, "" if step == "passcode" else typed.passcode, step=step)
    if problem.code in (Locked.code, CodeAsked.code):  # a question, and not a failure
        return await _fetches(request, keeps, told=said)
    return await _fetches(request, keeps, said, status=problem.status)


def _said(request: web.Request, problem: ProtocolError) -> str:
    """Say it in the reader's language where it is known, with what only the holder knows."""
    known = _SAID.get(problem.code)
    if known is None:
        own = f"{problem} ({problem.hint})" if problem.hint else str(problem)
        return own[:1].upper() + own[1:]
    # Where the code went, or how many attempts are left.
    own = {Locked.code: "", CodeAsked.code: str(problem)}.get(problem.code, problem.hint)
    return translated(request, known) + (f" ({own})" if own else "")


async def resume(request: web.Request) -> web.StreamResponse:
    """POST /desk/fetches/{fetch}/resume: goes on with a fetch that was paused."""
    await form_of(request)
    name, by = request.match_info["fetch"], who(request).name
    try:
        await run(request, lambda desk: desk.fetching.resume(desk.fetching.find(name).id, by))
    except ServiceError as problem:
        said = problem_text(request, problem)
        return await _fetches(request, Typed(), said, status=problem.status)
    return see(_PLACE)
