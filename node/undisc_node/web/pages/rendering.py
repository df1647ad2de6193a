"""Fills templates in the reader's language.

A page says `{{ _("…") }}` or `{% trans %}…{% endtrans %}`; whatever is put into it is escaped. A
name that a template uses and nobody gave is a mistake, not an empty text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import hdrs, web
from babel.dates import format_date, format_datetime
from jinja2 import PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from undisc_node.web import keys
from undisc_node.web.pages.assets import Assets
from undisc_node.web.pages.languages import Languages
from undisc_node.web.pages.protecting import cookie_of

LANGUAGE: Final = "language"
"""Name of the cookie and of the query parameter by which a reader chooses a language."""
_DAY: Final = 8  # characters of YYYYMMDD


@dataclass(frozen=True, slots=True)
class Practice:
    """In whose name pages speak.

    Attributes:
        name: Its name.
        contact: Whom to call; may be empty.
    """

    name: str = "undisc"
    contact: str = ""


NOBODY: Final = Practice()
"""For tests, and listeners without people."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What pages of one listener are made from.

    Attributes:
        practice: In whose name they speak.
        languages: Catalogs.
        assets: Styles and modules.
    """

    practice: Practice
    languages: Languages
    assets: Assets


def add_pages(app: web.Application, practice: Practice) -> None:
    """Give a listener what its pages are made from; once."""
    languages = Languages()
    app[keys.PAGES] = Pages(practice, languages, Assets())
    environment = aiohttp_jinja2.setup(
        app,
        loader=PackageLoader("undisc_node.web.pages", "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": _day,
        "moment": _moment,
        "on_day": _on_day,
        "clock": _clock,
        "person": person_name,
    }

    @pass_context
    def gettext(context: Context, message: str) -> str:
        return languages.catalog(context["language"]).gettext(message)

    @pass_context
    def ngettext(context: Context, one: str, many: str, count: int) -> str:
        return languages.catalog(context["language"]).ngettext(one, many, count)

    install = environment.install_gettext_callables  # type: ignore[attr-defined]
    install(gettext, ngettext, newstyle=True)


def language_of(request: web.Request) -> str:
    """Return the reader's language: as chosen by them, or as their browser prefers."""
    languages = request.app[keys.PAGES].languages
    for chosen in (request.query.get(LANGUAGE, ""), cookie_of(request, LANGUAGE)):
        if chosen in languages.names:
            return chosen
    return languages.choose(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def page(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    language: str = "",
    **values: Any,
) -> web.Response:
    """Answer with a page.

    Args:
        request: What is answered.
        template: Its name below `templates`.
        status: HTTP status.
        language: Its language; empty for the reader's.
        values: What the template shows.
    """
    pages = request.app[keys.PAGES]
    known = {
        "language": language or language_of(request),
        "languages": pages.languages.own_names(),
        "practice": pages.practice,
        "asset": pages.assets.address,
    }
    text = aiohttp_jinja2.render_string(template, request, {**known, **values})
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def translated(request: web.Request, message: str, language: str = "") -> str:
    """Return a message in the reader's language, for texts that are not in a template."""
    pages = request.app[keys.PAGES]
    return pages.languages.catalog(language or language_of(request)).gettext(message)


def person_name(name: str) -> str:
    """Return a DICOM name (PS3.5 §6.2.1) as people write it: `Doe^Jane` is Jane Doe."""
    family, given, middle, prefix, suffix = (
        (name.partition("=")[0] or name.strip("=")).split("^") + [""] * 5
    )[:5]
    return " ".join(
        part.strip() for part in (prefix, given, middle, family, suffix) if part.strip()
    )


@pass_context
def _day(context: Context, day: str) -> str:
    """Show a day, `YYYYMMDD`, as its reader writes it."""
    try:
        shown = date(int(day[:4]), int(day[4:6]), int(day[6:_DAY]))
    except ValueError:
        return day
    return format_date(shown, "long", locale=_locale(context))


@pass_context
def _moment(context: Context, at_ms: int | None, form: str = "short") -> str:
    """Show a time, ms since 1970, on the clock of this machine."""
    if at_ms is None:
        return ""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    return format_datetime(local, form, tzinfo=local.tzinfo, locale=_locale(context))


@pass_context
def _on_day(context: Context, at_ms: int) -> str:
    """Show the day of a time, ms since 1970, on the clock of this machine."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    return format_date(local, "long", locale=_locale(context))


def _clock(text: str) -> str:
    """Show the time of day of a DICOM date and time, `YYYYMMDDHHMMSS`; nothing for a mere day."""
    time = text[_DAY : _DAY + 4]
    return f"{time[:2]}:{time[2:]}" if len(time) == len("HHMM") else ""


def _locale(context: Context) -> str:
    return str(context["language"]).replace("-", "_")
