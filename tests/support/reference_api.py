"""The reference page of the HTTP routes, from the route tables themselves."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Final

from undisc_node.web import admin_api, internal, peer_api, public, rendering
from undisc_node.web.routing import Authority, Route

_UNTOLD: Final[Mapping[str, str]] = {
    # Handlers that are made by a function have no docstring of their own.
    "/admin/v1/peers/{peer}/trust": "trust it",
    "/admin/v1/peers/{peer}/suspend": "stop everything with it for now",
    "/admin/v1/pairings/{pairing}/confirm": "both sides have the same words: trust the other",
    "/admin/v1/pairings/{pairing}/refuse": "end it on both sides",
    "/admin/v1/peers/{peer}/revoke": "stop everything with it for good",
}
_TAKES: Final = (
    (re.compile(r'fields\.\w+\("(\w+)"'), "{}"),
    (re.compile(r'query(?:\.get\("|_number\(request, ")(\w+)"'), "?{}"),
)
_RENDERED: Final = ("study", "detail", "_instance", "_receipt", "peer", "grant", "share", "fetch")


def http_api() -> str:
    """Return the page of all routes."""
    authorities = "\n".join(f"- `{one.name}`: {one.value}." for one in Authority)
    return f"""# HTTP routes

<!-- Written by tests/support/reference.py from the route tables of undisc_node.web; change those,
     not this page. -->

A node has three HTTP listeners. Nothing of one can be reached through another. Each route states
why a caller may use it and how large a request may be; what is larger is refused while it
arrives.

{authorities}

Every error, on every listener, is `{{"error": {{"code", "message", "hint"}}}}`; the codes are in
[errors.md](errors.md). HTTP/1.1 only; no compressed bodies. To a
browser (`Accept: text/html`) an error is a page. Cookies belong to pages only.

## Public listener (port 8480): other nodes

The bytes of these messages are in `protocol/SPEC.md` §6. Answers to `fetch` and `receipt` are
signed, the refusals too. `packs` answers 206 with exactly the one range that was asked for.

{_table(peer_api.ROUTES)}

## Public listener: people

The `Host` header must name a host of `public.urls`, `localhost`, or the address.

{_table(public.PAGES)}

## Internal listener (port 8481): this practice's own network

For watching the node, and DICOMweb for viewers and workstations ([how](../howto/serve-viewers.md)).
The `Host` header must name the address, `localhost`, or one of `internal.names`.

{_table(internal.ROUTES)}

## Admin socket (`admin.sock` in the home): the administrator

JSON over HTTP on a Unix socket. The file system decides who may open it; the log names the user
who did. The `undisc` command is the client. These routes may still change before version 1.0.

Ids are hex; times are like `2026-11-24T05:31:23Z`. `{{study}}` is the beginning of a study's id
(at least 4 digits) or its Study Instance UID; other names are the beginning of an id, and of
peers also their exact name. *Takes* lists the fields of the JSON body and, with a question mark,
the parameters of the query.

{_table(admin_api.ROUTES, takes=True)}

### What is in an answer

| object | fields |
|---|---|
{_objects()}

The object `detail` is the answer to `GET /admin/v1/studies/{{study}}`. The `state` of a study is
`active`, `held` or `withdrawn`; of a grant or share `active`, `expired` or `revoked`; of a fetch
`running`, `paused`, `done` or `failed`; a running one that waits says in `problem` for what, and in
`next_try` until when. The `receipt` of a fetch is `due`, `taken` or `none`.
"""


def _table(routes: Iterable[Route], *, takes: bool = False) -> str:
    head = ["route", "authority", "largest body", "what it does", *(["takes"] if takes else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for route in routes:
        cells = [
            f"`{route.method} {route.path}`",
            f"`{route.authority.name}`",
            _size(route.body_limit),
            _told(route),
        ]
        if takes:
            cells.append(_taken(route))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _size(count: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count and count % unit == 0:
            return f"{count // unit} {name}"
    return str(count) if count else "none"


def _told(route: Route) -> str:
    """Return what the handler's docstring says behind method and path."""
    told = (inspect.getdoc(route.handler) or "").partition(": ")[2].partition("\n")[0]
    return told.rstrip(".") or _UNTOLD[route.path]


def _taken(route: Route) -> str:
    """Return the names of body fields and query parameters that a handler asks for."""
    source = inspect.getsource(route.handler)
    module = inspect.getmodule(route.handler)
    for name in sorted(set(re.findall(r"\b(_\w+)\((?:fields|request, uses)", source))):
        source += inspect.getsource(getattr(module, name))
    found = [form.format(name) for wanted, form in _TAKES for name in wanted.findall(source)]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(found))


def _objects() -> str:
    """Return a row for each JSON object that the rendering makes."""
    tree = ast.parse(inspect.getsource(rendering))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    rows = []
    for name in _RENDERED:
        returned = next(
            node.value
            for node in ast.walk(functions[f"{name}_json"])
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict)
        )
        keys = [ast.literal_eval(key) for key in returned.keys if key is not None]
        rows.append(f"| {name.lstrip('_')} | {', '.join(f'`{key}`' for key in keys)} |")
    return "\n".join(rows)
