"""Settings of a node: `undisc.toml` in its home, then the environment; frozen once read.

The environment wins over the file. A variable is named after its place there: `public.port` is
`UNDISC_PUBLIC__PORT`; `_FILE` at the end names a file that holds the value. An unknown key is a
failure with its name, never silently ignored. `docs/reference/settings.md` is checked against
`FIELDS`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from undisc_node.dicom.senders import Sender
from undisc_node.services.errors import Invalid
from undisc_protocol import limits

CONFIG_FILE: Final = "undisc.toml"
_MAX_CONFIG: Final = 1 << 20  # bytes
_PREFIX: Final = "UNDISC_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    Attributes:
        home: Directory of the node's state.
        name: The practice's name, as other nodes see it.
        public_host: Address of the public listener.
        public_port: Its TCP port; 0 picks a free one.
        public_urls: Addresses under which other nodes reach it.
        internal_host: Address of the internal listener.
        internal_port: Its TCP port.
        dicom_host: Address of the DICOM port.
        dicom_port: Its TCP port.
        dicom_ae_title: Our AE title.
        dicom_senders: Who may send.
        settle_seconds: Quiet time after which a study settles.
        reserve_mib: MiB of disk that ingest leaves free.
        private_addresses: Whether peers may be reached at private and loopback addresses.
    """

    home: Path
    name: str
    public_host: str
    public_port: int
    public_urls: tuple[str, ...]
    internal_host: str
    internal_port: int
    dicom_host: str
    dicom_port: int
    dicom_ae_title: str
    dicom_senders: tuple[Sender, ...]
    settle_seconds: float
    reserve_mib: int
    private_addresses: bool


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("must be text")
    return value


def _port(value: Any) -> int:
    number = _number(value)
    if not 0 <= number <= 65535:  # noqa: PLR2004 - TCP's own bound
        raise Invalid("must be a port between 0 and 65535")
    return number


def _number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Invalid("must be a whole number, not negative")
    return value


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise Invalid("must be a number of seconds") from None
    if not 0 <= seconds <= 86_400:  # noqa: PLR2004 - a day is long enough for any scanner
        raise Invalid("must be between 0 and 86400 seconds")
    return seconds


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise Invalid("must be true or false")


def _urls(value: Any) -> tuple[str, ...]:
    urls = value.split() if isinstance(value, str) else value
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise Invalid("must be a list of addresses")
    if len(urls) > limits.MAX_URLS or any(
        len(url) > limits.MAX_URL or not url.startswith(("https://", "http://")) for url in urls
    ):
        raise Invalid("must be up to 8 addresses that begin with https:// or http://")
    return tuple(url.rstrip("/") for url in urls)


def _ae_title(value: Any) -> str:
    title = _text(value)
    if not 1 <= len(title.strip()) <= 16 or not title.isascii() or "\\" in title:  # noqa: PLR2004 - PS3.5 §6.2, AE
        raise Invalid("must be an AE title of 1 to 16 ASCII characters")
    return title


def _name(value: Any) -> str:
    name = _text(value).strip()
    if not 1 <= len(name) <= limits.MAX_NODE_NAME or not name.isprintable():
        raise Invalid(f"must be 1 to {limits.MAX_NODE_NAME} printable characters")
    return name


def _senders(value: Any) -> tuple[Sender, ...]:
    if not isinstance(value, list):
        raise Invalid("must be a list of tables: [[dicom.senders]]")
    return tuple(_sender(entry) for entry in value)


def _sender(entry: Any) -> Sender:
    if not isinstance(entry, dict) or not {"name", "address"} <= entry.keys():
        raise Invalid("every sender needs name and address")
    unknown = entry.keys() - {"name", "address", "ae_title"}
    if unknown:
        raise Invalid(f"a sender has no key '{min(unknown)}'")
    try:
        ip_network(entry["address"])
    except ValueError:
        raise Invalid(
            "a sender's address must be an IP address or a network: 10.1.2.0/24"
        ) from None
    title = entry.get("ae_title", "")
    return Sender(_name(entry["name"]), entry["address"], _ae_title(title) if title else "")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: where it stands in the file, its default, and what it may be."""

    attribute: str
    default: Any
    read: Callable[[Any], Any]
    text: str


FIELDS: Final[Mapping[str, Field]] = {
    "name": Field("name", "undisc node", _name, "the practice's name, as other nodes see it"),
    "public.host": Field("public_host", "0.0.0.0", _text, "address of the public listener"),  # noqa: S104 - the one door that is meant for the internet
    "public.port": Field("public_port", 8480, _port, "TCP port of the public listener"),
    "public.urls": Field("public_urls", [], _urls, "addresses under which other nodes reach it"),
    "internal.host": Field("internal_host", "127.0.0.1", _text, "address of the internal listener"),
    "internal.port": Field("internal_port", 8481, _port, "TCP port of the internal listener"),
    "dicom.host": Field("dicom_host", "0.0.0.0", _text, "address of the DICOM port"),  # noqa: S104 - modalities are other machines; unlisted addresses are refused
    "dicom.port": Field("dicom_port", 11112, _port, "TCP port for DICOM"),
    "dicom.ae_title": Field("dicom_ae_title", "UNDISC", _ae_title, "our AE title"),
    "dicom.senders": Field("dicom_senders", [], _senders, "who may send images"),
    "ingest.settle_seconds": Field(
        "settle_seconds", 60, _seconds, "quiet time after which a study settles"
    ),
    "ingest.reserve_mib": Field(
        "reserve_mib", 1024, _number, "MiB of disk that ingest leaves free"
    ),
    "peers.private_addresses": Field(
        "private_addresses",
        False,  # noqa: FBT003 - a table of defaults
        _flag,
        "whether peers may be reached at private and loopback addresses (VPN, tests)",
    ),
}
"""Every setting there is."""


def load(home: Path, environment: Mapping[str, str]) -> Settings:
    """Read and check the settings of a home.

    Args:
        home: Directory of the node's state.
        environment: The process environment.

    Raises:
        Invalid: A key is unknown, or a value cannot be used; the message names it.
    """
    found = {**_from_file(home / CONFIG_FILE), **_from_environment(environment)}
    unknown = found.keys() - FIELDS.keys()
    if unknown:
        raise Invalid(
            f"there is no setting '{min(unknown)}'",
            code="unknown_setting",
            hint=f"the settings are: {', '.join(sorted(FIELDS))}",
        )
    values: dict[str, Any] = {}
    for key, field in FIELDS.items():
        try:
            values[field.attribute] = field.read(found.get(key, field.default))
        except Invalid as problem:
            raise Invalid(f"setting '{key}' {problem}", code="bad_setting") from None
    return Settings(home=home, **values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Invalid(
            f"cannot read {path}: {problem.strerror}", hint="check who owns the file"
        ) from None
    try:
        document = tomllib.loads(raw[:_MAX_CONFIG].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise Invalid(f"{path} is not valid TOML: {problem}", code="bad_settings_file") from None
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat[name] = value
    return flat


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX) or variable in ("UNDISC_HOME", "UNDISC_SOCKET"):
            continue
        key = variable.removeprefix(_PREFIX).lower().replace("__", ".")
        if key.endswith("_file") and key not in FIELDS:
            key = key.removesuffix("_file")
            try:
                found[key] = Path(value).read_text(encoding="utf-8").strip()
            except OSError as problem:
                raise Invalid(
                    f"cannot read the file that {variable} names: {problem.strerror}"
                ) from None
        else:
            found[key] = value
    return found
