"""Settings are put together: who wins, what each value is, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from undisc_node.config.fields import FIELDS, Field
from undisc_node.config.settings import Settings
from undisc_node.config.sources import (
    CONFIG_FILE,
    Found,
    from_environment,
    from_file,
    unknown,
    variable_of,
)
from undisc_node.services.errors import Invalid

REDACTED: Final = "(secret)"
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it was found.

    Attributes:
        key: Its name.
        value: What the node uses; None when it cannot be used.
        shown: The value for people and JSON; a secret is not in it.
        kind: Where it came from: `default`, `file`, `environment` or `command line`.
        where: Path and line, name of the variable, or `--set`; empty for a default.
        variable: The variable that would set it.
    """

    key: str
    value: Any = field(repr=False)
    shown: Any
    kind: str
    where: str
    variable: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All settings as they were found, and everything that is wrong with them.

    Attributes:
        settings: In the order of `FIELDS`.
        problems: What is unknown or cannot be used; empty when the node can start.
    """

    settings: tuple[Setting, ...]
    problems: tuple[Invalid, ...]


def read(
    home: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, Found] | None = None,
    fields: Mapping[str, Field] = FIELDS,
) -> Reading:
    """Read all settings of a home.

    Args:
        home: Directory of the node's state.
        environment: The process environment.
        overrides: What `--set` gave; see `read_overrides`.
        fields: What can be set.

    Raises:
        Invalid: The file is not TOML, or a file that holds a value cannot be used.
    """
    found = {
        **from_file(home / CONFIG_FILE),
        **from_environment(environment, fields),
        **(overrides or {}),
    }
    problems = [
        unknown(key, one.where, fields) for key, one in sorted(found.items()) if key not in fields
    ]
    settings = []
    for key, known in fields.items():
        one = found.get(key) or Found(known.default, DEFAULT, "")
        try:
            value = known.kind.read(one.value)
        except Invalid as problem:
            place = f" ({one.where})" if one.where else ""
            problems.append(Invalid(f"setting '{key}' {problem}{place}", code="bad_setting"))
            value = None
        shown = REDACTED if known.secret and value else plain(value)
        settings.append(Setting(key, value, shown, one.kind, one.where, variable_of(key)))
    return Reading(tuple(settings), tuple(problems))


def load(
    home: Path, environment: Mapping[str, str], overrides: Mapping[str, Found] | None = None
) -> Settings:
    """Read and check the settings of a home.

    Args:
        home: Directory of the node's state.
        environment: The process environment.
        overrides: What `--set` gave; see `read_overrides`.

    Raises:
        Invalid: A key is unknown, or a value cannot be used; the message names it.
    """
    reading = read(home, environment, overrides)
    if reading.problems:
        raise reading.problems[0]
    by_attribute = {FIELDS[one.key].attribute: one.value for one in reading.settings}
    return Settings(home=home, **by_attribute)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return value
