"""The reference page of all error codes: those of the protocol, and those of this node."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undisc_admin.errors import MEANINGS
from undisc_node.services import errors as service
from undisc_node.web import errors as web
from undisc_protocol.errors import REMOTE_CODES

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("node/undisc_node", "admin_cli/undisc_admin")
_NODE: Final = "node/undisc_node"


@dataclass(frozen=True)
class Use:
    """One place in the code that raises an error with a code of its own."""

    code: str
    message: str
    hint: str
    status: str


def errors() -> str:
    """Return the page of all error codes."""
    remote = "\n".join(
        f"| `{code}` | {leaf.status} | {_first_line(leaf)} | {leaf.hint} |"
        for code, leaf in REMOTE_CODES.items()
    )
    classes = "\n".join(
        f"| `{leaf.code}` | {leaf.status} | {_first_line(leaf)} |" for leaf in _classes()
    )
    exits = "\n".join(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    return f"""# Error codes

<!-- Written by tests/support/reference.py from the code that raises these errors; change that, not
     this page. -->

Every error has a stable code, a sentence and, where something can be done, a hint. Commands print
`error: …` and `hint: …` on standard error; with `--json` the code is on standard output too. HTTP
answers are `{{"error": {{"code", "message", "hint"}}}}`.

## Between nodes

These codes travel in signed refusals (`protocol/SPEC.md` §2.4). A fetch that failed shows the
code that the other node gave. Where the hint is empty, one of the two programs is at fault, or
somebody tries something.

| code | HTTP status | what it means | hint |
|---|---|---|---|
{remote}

## Of this node: in general

| code | HTTP status | what it means |
|---|---|---|
{classes}
| `bad_request` | 4xx | The request is not well-formed HTTP |
| `internal_error` | 500 | The node made a mistake; its log says where, under the request's id |

## Of this node and of the `undisc` command: exactly

Where something is filled in, it says `…`. *Status* is the HTTP status of the node's answer; codes
without one come from a command itself.

| code | status | sentences and hints |
|---|---|---|
{_uses_table()}

## Exit codes of `undisc`

| exit code | meaning |
|---|---|
{exits}

`undisc-node` ends with 1 after an error and with 2 when its command line is wrong.
"""


def _first_line(leaf: type[Exception]) -> str:
    return (leaf.__doc__ or "").partition("\n")[0].rstrip(".")


def _classes() -> Iterator[type[service.ServiceError]]:
    for module in (service, web):
        for value in vars(module).values():
            is_error = isinstance(value, type) and issubclass(value, service.ServiceError)
            if is_error and value.__module__ == module.__name__:
                yield value


def _uses_table() -> str:
    by_code: dict[str, dict[Use, None]] = defaultdict(dict)
    for use in uses():
        by_code[use.code][use] = None
    rows = []
    for code, found in sorted(by_code.items()):
        statuses = sorted({use.status for use in found} - {""})
        told = dict.fromkeys(
            use.message + (f" *({use.hint})*" if use.hint else "") for use in found if use.message
        )
        rows.append(f"| `{code}` | {', '.join(statuses)} | {'; '.join(told)} |")
    return "\n".join(rows)


def uses() -> Iterator[Use]:
    """Yield every place that raises an error with a code of its own."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    yield from _use(node, in_node=folder == _NODE)
                if isinstance(node, ast.ClassDef) and folder != _NODE:
                    yield from _class(node)


def _use(call: ast.Call, *, in_node: bool) -> Iterator[Use]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    code = given.get("code")
    if not isinstance(code, ast.Constant) or not isinstance(code.value, str):
        return
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    known = getattr(service, name, None)
    status = str(known.status) if in_node and known is not None else ""
    yield Use(
        code=code.value,
        message=_text(call.args[0]) if call.args else "",
        hint=_text(given["hint"]) if "hint" in given else "",
        status=status,
    )


def _class(leaf: ast.ClassDef) -> Iterator[Use]:
    """Yield an error that the command keeps in a code of its class."""
    for line in leaf.body:
        match line:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str() as code)):
                told = (ast.get_docstring(leaf) or "").partition("\n")[0].rstrip(".")
                yield Use(code=code, message=told[:1].lower() + told[1:], hint="", status="")


def _text(node: ast.expr) -> str:
    """Return a literal sentence, with … for what is filled in; empty for anything else."""
    match node:
        case ast.Constant(value=str() as text):
            found = text
        case ast.JoinedStr(values=parts):
            found = "".join(_text(part) or "…" for part in parts)
        case ast.FormattedValue():
            found = "…"
        case _:
            found = ""
    return found.replace("|", "\\|")
