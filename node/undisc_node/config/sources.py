"""The places where a setting can stand: the file, the environment, the command line.

Each is read into `Found` values that remember where they stood. What a value means is not decided
here.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from undisc_node.config.fields import FIELDS, Field
from undisc_node.services.errors import Invalid

CONFIG_FILE: Final = "undisc.toml"
MAX_CONFIG_FILE: Final = 1 << 20  # bytes; a thousand senders take a tenth of it
MAX_VALUE_FILE: Final = 1 << 16  # bytes; no key, password or list of addresses is nearly as long
_PREFIX: Final = "UNDISC_"
_NO_SETTINGS: Final = frozenset({"UNDISC_HOME", "UNDISC_SOCKET"})  # the programs' own variables
_OTHERS_MAY_READ: Final = stat.S_IRGRP | stat.S_IROTH

_TABLE: Final = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_KEY: Final = re.compile(r"""\s*([\w.\-"' ]+?)\s*=""")


@dataclass(frozen=True, slots=True)
class Found:
    """A value that somebody set.

    Attributes:
        value: As it stands there: text, or what TOML made of it.
        kind: `file`, `environment` or `command line`.
        where: Path and line, name of the variable, or `--set`.
    """

    value: Any = field(repr=False)  # may be a secret
    kind: str
    where: str


def from_file(path: Path) -> dict[str, Found]:
    """Read the settings file; a file that does not exist sets nothing.

    Raises:
        Invalid: It cannot be read, is too large, or is not TOML.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_CONFIG_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Invalid(
            f"cannot read {path}: {problem.strerror}", hint="check who owns the file"
        ) from None
    if len(raw) > MAX_CONFIG_FILE:
        raise Invalid(f"{path} is larger than {MAX_CONFIG_FILE} bytes", code="bad_settings_file")
    try:
        text = raw.decode()
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise Invalid(f"{path} is not valid TOML: {problem}", code="bad_settings_file") from None
    lines = _lines(text)
    return {
        key: Found(value, "file", f"{path}:{line}" if (line := _line(lines, key)) else str(path))
        for key, value in _flat(document)
    }


def from_environment(
    environment: Mapping[str, str], fields: Mapping[str, Field] = FIELDS
) -> dict[str, Found]:
    """Read the variables that begin with `UNDISC_`.

    Raises:
        Invalid: A setting is given twice, or a file that holds a value cannot be used.
    """
    found: dict[str, Found] = {}
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX) or variable in _NO_SETTINGS:
            continue
        key, in_file = _setting_of(variable, fields)
        if key in found:
            raise Invalid(
                f"{found[key].where} and {variable} set the same",
                code="bad_setting",
                hint="keep one of them",
            )
        text = _read_value(variable, Path(value)) if in_file else value
        found[key] = Found(text, "environment", variable)
    return found


def read_overrides(wishes: Sequence[str], fields: Mapping[str, Field] = FIELDS) -> dict[str, Found]:
    """Read `key=value` texts of `--set`; the last of several for one key counts.

    Raises:
        Invalid: A text has no `=`, its key is unknown, or it is a secret.
    """
    found: dict[str, Found] = {}
    for wish in wishes:
        key, equals, value = wish.partition("=")
        key = key.strip()
        if not equals:
            # The text may be a secret in the wrong place, so it is not repeated.
            raise Invalid(
                "--set needs a setting and its value",
                code="bad_setting",
                hint="for example: --set public.port=8480",
            )
        if key not in fields:
            raise unknown(key, "--set", fields)
        if fields[key].secret:
            raise Invalid(
                f"setting '{key}' is a secret, and others can read a command line",
                code="bad_setting",
                hint=f"name a file that holds it: {variable_of(key)}_FILE=/run/secrets/...",
            )
        found[key] = Found(value, "command line", "--set")
    return found


def unknown(key: str, where: str, fields: Mapping[str, Field] = FIELDS) -> Invalid:
    """Return the error for a key that is no setting, with the nearest one that is."""
    near = _nearest(key, fields)
    guess = f"did you mean '{near}'? " if near else ""
    return Invalid(
        f"there is no setting '{key}' ({where})",
        code="unknown_setting",
        hint=f"{guess}undisc-node config show lists every setting",
    )


def variable_of(key: str) -> str:
    """Return the name of the variable of a setting."""
    return _PREFIX + key.upper().replace(".", "__")


def loose_value_files(
    environment: Mapping[str, str], fields: Mapping[str, Field] = FIELDS
) -> list[str]:
    """List the variables that name a file which others than its owner can read."""
    loose = []
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX) or variable in _NO_SETTINGS:
            continue
        if _setting_of(variable, fields)[1]:
            try:
                mode = Path(value).stat().st_mode
            except OSError:
                continue  # reading the settings says so already
            if mode & _OTHERS_MAY_READ:
                loose.append(variable)
    return sorted(loose)


def _setting_of(variable: str, fields: Mapping[str, Field]) -> tuple[str, bool]:
    """Return the setting that a variable is for, and whether it names a file with the value."""
    key = variable.removeprefix(_PREFIX).lower().replace("__", ".")
    if key.endswith("_file") and key not in fields:
        return key.removesuffix("_file"), True
    return key, False


def _read_value(variable: str, path: Path) -> str:
    """Read a value from a file; the newline that editors add at its end does not count.

    Messages name the variable only: when somebody put a secret where its file's name belongs,
    the text is not repeated.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_VALUE_FILE + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "not the name of a file"
        raise Invalid(
            f"cannot read the file that {variable} names: {reason}", code="bad_setting"
        ) from None
    if len(raw) > MAX_VALUE_FILE:
        raise Invalid(
            f"the file that {variable} names is larger than {MAX_VALUE_FILE} bytes",
            code="bad_setting",
        )
    try:
        return raw.decode().strip()
    except UnicodeDecodeError:
        raise Invalid(
            f"the file that {variable} names is not UTF-8 text", code="bad_setting"
        ) from None


def _nearest(key: str, fields: Mapping[str, Field]) -> str:
    """Return the known key that was probably meant, or nothing."""
    alike = re.sub(r"[_\-. ]", "", key.lower())
    by_letters = {re.sub(r"[_\-. ]", "", known): known for known in fields}
    if alike in by_letters:
        return by_letters[alike]
    endings = [known for known in fields if known.rpartition(".")[2] == key.rpartition(".")[2]]
    if len(endings) == 1:
        return endings[0]
    return next(iter(get_close_matches(key, fields, n=1)), "")


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield keys as `table.key`; a table within a table is not flattened, and so is unknown."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", item) for inner, item in value.items())
        else:
            yield name, value


def _lines(text: str) -> dict[str, int]:
    """Return on which line each key stands.

    tomllib does not tell, so this looks at the beginnings of lines. It is only used to say where a
    setting stands; a line within a text of several lines can mislead it.
    """
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := _TABLE.match(line):
            table = _plain(head[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(_plain(f"{table}.{key[1]}" if table else key[1]), number)
    return found


def _plain(key: str) -> str:
    return re.sub(r"[\"' ]", "", key)


def _line(lines: Mapping[str, int], key: str) -> int:
    return lines.get(key) or lines.get(key.rpartition(".")[0]) or 0
