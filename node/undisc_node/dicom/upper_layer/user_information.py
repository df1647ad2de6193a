"""The user information item of an association request or acceptance (PS3.8 §D, PS3.7 §D.3.3).

Unknown items are skipped, as the standard asks. Reserved bytes are not looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from undisc_node.dicom.upper_layer import limits
from undisc_node.dicom.upper_layer.errors import RemoteViolation
from undisc_node.dicom.upper_layer.fields import Fields, counted, item, read_uid

_MAX_LENGTH: Final = 0x51
_CLASS_UID: Final = 0x52
_OPERATIONS: Final = 0x53
_ROLE: Final = 0x54
_VERSION_NAME: Final = 0x55
_EXTENDED: Final = 0x56
_COMMON_EXTENDED: Final = 0x57
_IDENTITY: Final = 0x58
_IDENTITY_ANSWER: Final = 0x59


@dataclass(frozen=True, slots=True)
class Role:
    """Who may be user and provider of a SOP class (PS3.7 §D.3.3.4).

    Attributes:
        sop_class: SOP Class UID.
        user: Whether the requestor may be the user (SCU).
        provider: Whether the requestor may be the provider (SCP).
    """

    sop_class: str
    user: bool
    provider: bool


@dataclass(frozen=True, slots=True)
class Extended:
    """Extended negotiation of a SOP class (PS3.7 §D.3.3.5).

    Attributes:
        sop_class: SOP Class UID.
        information: What the service class defines.
    """

    sop_class: str
    information: bytes


@dataclass(frozen=True, slots=True)
class CommonExtended:
    """Common extended negotiation (PS3.7 §D.3.3.6).

    Attributes:
        sop_class: SOP Class UID.
        service_class: UID of the service class it belongs to.
        related: UIDs of the general classes it is a special case of.
    """

    sop_class: str
    service_class: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the requestor says it is (PS3.7 §D.3.3.7).

    Attributes:
        kind: 1 user name, 2 with passcode, 3 Kerberos, 4 SAML, 5 JSON Web Token.
        answer_wanted: Whether a positive response is asked for.
        primary: User name or token.
        secondary: Passcode; never shown.
    """

    kind: int
    answer_wanted: bool
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class UserInformation:
    """What both sides tell each other beside the contexts.

    Attributes:
        max_length: Bytes of the largest P-DATA-TF PDU this side takes; 0 for any.
        class_uid: Implementation Class UID; empty when absent.
        version_name: Implementation Version Name; empty when absent.
        operations: Operations invoked and performed at once, or None; 0 stands for any number.
        roles: Role selections.
        extended: Extended negotiations.
        common_extended: Common extended negotiations.
        identity: Of a request.
        identity_answer: Of an acceptance, or None.
    """

    max_length: int
    class_uid: str = ""
    version_name: str = ""
    operations: tuple[int, int] | None = None
    roles: tuple[Role, ...] = ()
    extended: tuple[Extended, ...] = ()
    common_extended: tuple[CommonExtended, ...] = ()
    identity: Identity | None = None
    identity_answer: bytes | None = None


def decode_user_information(data: Fields) -> UserInformation:
    """Read the content of a user information item.

    Raises:
        RemoteViolation: It breaks a bound or the standard.
    """
    # The length is required (PS3.8 §D.1), and yet left out by some.
    single: dict[str, Any] = {"max_length": 0}
    several: dict[str, list[Any]] = {"roles": [], "extended": [], "common_extended": []}
    seen: set[str] = set()
    for number, (kind, content) in enumerate(data.items()):
        if number == limits.MAX_USER_ITEMS:
            raise RemoteViolation("too many user information items")
        name, read = _READERS.get(kind, ("", None))
        if read is None:
            continue
        value = read(content)
        content.finish()
        if name in several:
            several[name].append(value)
        elif name in seen:
            raise RemoteViolation("a user information item that comes twice")
        else:
            seen.add(name)
            single[name] = value
    values: dict[str, Any] = {name: tuple(found) for name, found in several.items()}
    return UserInformation(**single, **values)


def encode_user_information(user: UserInformation) -> bytes:
    """Encode the content of a user information item.

    Raises:
        LocalViolation: A value does not fit.
    """
    return b"".join(item(kind, content) for kind, content in _contents(user))


def _contents(user: UserInformation) -> Iterator[tuple[int, bytes]]:
    """Yield the items in the order of their types."""
    yield _MAX_LENGTH, struct.pack(">L", user.max_length)
    if user.class_uid:
        yield _CLASS_UID, user.class_uid.encode("ascii")
    if user.operations is not None:
        yield _OPERATIONS, struct.pack(">HH", *user.operations)
    for role in user.roles:
        yield _ROLE, counted(role.sop_class.encode("ascii")) + bytes((role.user, role.provider))
    if user.version_name:
        yield _VERSION_NAME, user.version_name.encode("latin-1", "replace")
    for one in user.extended:
        yield _EXTENDED, counted(one.sop_class.encode("ascii")) + one.information
    for common in user.common_extended:
        related = b"".join(counted(uid.encode("ascii")) for uid in common.related)
        yield (
            _COMMON_EXTENDED,
            counted(common.sop_class.encode("ascii"))
            + counted(common.service_class.encode("ascii"))
            + counted(related),
        )
    if user.identity is not None:
        who = user.identity
        yield (
            _IDENTITY,
            bytes((who.kind, who.answer_wanted)) + counted(who.primary) + counted(who.secondary),
        )
    if user.identity_answer is not None:
        yield _IDENTITY_ANSWER, counted(user.identity_answer)


def _counted_uid(content: Fields) -> str:
    return read_uid(content.counted(limits.MAX_UID + 1))


def _read_max_length(content: Fields) -> int:
    length = content.number(4)
    if 0 < length < limits.SMALLEST_DATA_PDU:
        raise RemoteViolation("a maximum length too small to be answered in")
    return length


def _read_operations(content: Fields) -> tuple[int, int]:
    return content.number(2), content.number(2)


def _read_role(content: Fields) -> Role:
    return Role(_counted_uid(content), content.number(1) != 0, content.number(1) != 0)


def _read_version_name(content: Fields) -> str:
    name = bytes(content.rest()).decode("latin-1").strip(" \0")
    if len(name) > limits.MAX_VERSION_NAME:
        return name[: limits.MAX_VERSION_NAME]  # not worth losing an image for
    return name


def _read_extended(content: Fields) -> Extended:
    return Extended(_counted_uid(content), bytes(content.rest()))


def _read_common_extended(content: Fields) -> CommonExtended:
    sop_class, service_class = _counted_uid(content), _counted_uid(content)
    if content.is_empty:  # the list was optional in its first version
        return CommonExtended(sop_class, service_class)
    inner = Fields(content.counted(limits.MAX_RELATED * (limits.MAX_UID + 3)))
    content.rest()  # reserved
    related: list[str] = []
    while not inner.is_empty:
        if len(related) == limits.MAX_RELATED:
            raise RemoteViolation("too many related SOP classes")
        related.append(_counted_uid(inner))
    return CommonExtended(sop_class, service_class, tuple(related))


def _read_identity(content: Fields) -> Identity:
    return Identity(
        content.number(1),
        content.number(1) != 0,
        bytes(content.counted(limits.MAX_IDENTITY)),
        bytes(content.counted(limits.MAX_IDENTITY)),
    )


def _read_identity_answer(content: Fields) -> bytes:
    return bytes(content.counted(limits.MAX_IDENTITY))


_READERS: Final[dict[int, tuple[str, Callable[[Fields], Any]]]] = {
    _MAX_LENGTH: ("max_length", _read_max_length),
    _CLASS_UID: ("class_uid", Fields.uid),
    _OPERATIONS: ("operations", _read_operations),
    _ROLE: ("roles", _read_role),
    _VERSION_NAME: ("version_name", _read_version_name),
    _EXTENDED: ("extended", _read_extended),
    _COMMON_EXTENDED: ("common_extended", _read_common_extended),
    _IDENTITY: ("identity", _read_identity),
    _IDENTITY_ANSWER: ("identity_answer", _read_identity_answer),
}
