"""The DICOM conformance page: PS3.2 in short, from the tables that the code itself uses.

Another table is another line of `SECTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

from pydicom.charset import python_encoding
from pydicom.uid import UID, UID_dictionary

from undisc_node.config import FIELDS
from undisc_node.dicom import bounds as port_bounds
from undisc_node.dicom import describing, part10, reader, retrieving, scan, text
from undisc_node.dicom.conformance import COERCIONS, LITTLE, MADE, SERVICES, USUAL
from undisc_node.dicom.inflating import DEFLATED
from undisc_node.dicom.workers.pool import WorkBounds
from undisc_node.services.dicomweb import searching
from undisc_node.services.dicomweb.attributes import ATTRIBUTES
from undisc_node.services.dicomweb.media import FRAME_TYPES
from undisc_node.services.dicomweb.storing import REASONS
from undisc_node.services.workstations import finding, giving
from undisc_node.services.workstations.asking import UNIQUE_KEYS
from undisc_node.web import internal

_DICOMWEB: Final = re.compile(r"/(?:dicom-?web|studies|series|instances)\b")


def conformance() -> str:
    """Return the page."""
    parts = "\n\n".join(f"## {title}\n\n{make()}" for title, make in SECTIONS)
    return f"""# DICOM conformance

<!-- Written by tests/support/reference_conformance.py from the tables of undisc_node.dicom and
     undisc_node.web; change those, not this page. -->

What this version of the node says and understands, in the order of PS3.2. Anything not named here
is refused.

{parts}
"""


def _services() -> str:
    rows = (
        (
            one.name,
            one.role,
            (one.sop_class and f"`{one.sop_class}`") or "those below",
            _syntaxes(one.syntaxes),
            one.remark,
        )
        for one in SERVICES
    )
    return (
        _table(("service", "role", "SOP class", "transfer syntaxes", "remark"), rows)
        + "\n\nAsynchronous operations and extended negotiation are neither asked for nor granted."
    )


def _queries() -> str:
    keys = (f"{level}: `({tag[:4]},{tag[4:]})`" for level, tag in UNIQUE_KEYS.items())
    return (
        "Offered to senders that may query, and to nobody else: others are answered as if the\n"
        "node did not know these classes. A search by C-FIND matches and returns the same\n"
        "attributes as one by DICOMweb (below), by the rules of PS3.4 §C.2.2.2: single value,\n"
        "list of UIDs, wildcards, ranges, universal. Sequences are returned, not matched. Texts\n"
        "of an answer are ASCII, or UTF-8 with Specific Character Set `ISO_IR 192`. A question\n"
        f"may leave levels out (relational); then at most {searching.MOST_LOOKED_INTO} studies\n"
        f"are looked into.\n\nUnique keys: {', '.join(keys)}.\n"
        "A retrieval names the level that it is for and one thing of each level above; it has at\n"
        f"most {giving.MOST_INSTANCES} images. An instance leaves in the transfer syntax in which\n"
        "it is stored; for whoever takes only the other uncompressed little endian encoding, the\n"
        "headers of its elements are rewritten. Otherwise it is a failed sub-operation.\n\n"
        + _table(
            ("status", "of", "when"),
            (
                ("FF00", "all", "pending"),
                ("FF01", "C-FIND", "pending; a key is not matched here, and was ignored"),
                ("FE00", "all", "cancelled"),
                ("0000", "all", "done"),
                ("B000", "C-MOVE, C-GET", "done; some images failed, or were taken with a warning"),
                ("A700", "C-FIND", f"more than {finding.MOST_ANSWERS} answers: ask more narrowly"),
                ("A700", "all", "too many questions at once, or the node cannot answer now"),
                ("A702", "C-MOVE, C-GET", "no image was taken; Error Comment says why"),
                ("A801", "C-MOVE", "no sender or archive with this AE title was added to the node"),
                ("A900", "all", "the level is not one of this model"),
                ("C000", "all", "the question cannot be read, or its unique keys are not enough"),
                ("0122", "all", "the request is not the one of its SOP class"),
                ("0124", "all", "the permission to query was taken away meanwhile"),
            ),
        )
    )


def _syntaxes(given: Sequence[str]) -> str:
    """Tell whether these are all, the list below, or the library's own four."""
    known = {
        (): "any",
        retrieving.SYNTAXES: "those below",
        USUAL: "uncompressed and deflated",
        LITTLE: "uncompressed little endian",
    }
    return known.get(tuple(given)) or ", ".join(UID(one).name for one in given)


def _storage() -> str:
    standard = [
        (name, f"`{uid}`")
        for uid, (name, kind, _, retired, _) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and not retired and "Commitment" not in name
    ]
    return (
        "As a receiver the node takes every storage SOP class in every transfer syntax that the\n"
        "sender proposes, also private ones: it keeps the bytes and does not decode them. It is a\n"
        "level 2 (full) storage provider: no attribute is dropped or changed. The classes of the\n"
        "standard are these.\n\n" + _table(("SOP class", "UID"), sorted(standard))
    )


def _proposed() -> str:
    rows = ((UID(one).name, f"`{one}`") for one in retrieving.SYNTAXES)
    return (
        "When images are retrieved with C-GET these are proposed for each class, in this order.\n"
        "When images are sent, each is proposed in the transfer syntax that it is stored in, and\n"
        "not converted.\n\n" + _table(("transfer syntax", "UID"), rows)
    )


def _made() -> str:
    return "In Explicit VR Little Endian, with texts in UTF-8.\n\n" + _table(
        ("SOP class", "UID", "made of"), ((name, f"`{uid}`", what) for name, uid, what in MADE)
    )


def _deflated() -> str:
    rows = ((UID(one).name, f"`{one}`") for one in sorted(DEFLATED))
    return "To read what stands in the header, these are inflated, with a bound.\n\n" + _table(
        ("transfer syntax", "UID"), rows
    )


def _network() -> str:
    rows = [
        (f"`{key}`", f"`{field.default}`", field.text)
        for key, field in FIELDS.items()
        if key.startswith("dicom.")
    ]
    return (
        f"Implementation Class UID `{part10.IMPLEMENTATION_CLASS}`, implementation version name\n"
        f"`UNDISC` in associations and `{part10.IMPLEMENTATION_VERSION}` in files. The largest\n"
        f"PDU that the node takes is {port_bounds.Bounds().data_pdu} bytes. IPv4 and IPv6.\n\n"
        + _table(("setting", "default", "what it is"), rows)
        + "\n\nA sender is known by its address, by its client certificate for TLS, or by both,\n"
        "and by its AE title too where one is configured, never by that alone. What unknown\n"
        "senders send is refused, or acknowledged and kept in quarantine "
        "(`dicom.unknown_senders`); they\n"
        "may verify and store, and nothing else. The called AE title is not compared. See\n"
        "[settings.md](settings.md) and [undisc.md](undisc.md#undisc-senders)."
    )


def _dicomweb() -> str:
    routes = [route for route in internal.ROUTES if _DICOMWEB.search(route.path)]
    if not routes:
        return "None in this version."
    return (
        "On the internal listener; what each route answers is in [http-api.md](http-api.md).\n\n"
        + _table(("request",), ((f"`{route.method} {route.path}`",) for route in routes))
        + "\n\nInstances and frames leave in the transfer syntax in which they are stored; any\n"
        "other that is asked for is answered with 406. Uncompressed frames are little endian.\n\n"
        "### Attributes of searches (PS3.18 §10.6)\n\n"
        "Attributes of a higher level match at lower ones too. Further ones are returned on\n"
        "request (`includefield`); any attribute of an instance before its pixels is matched.\n\n"
        + _table(
            ("attribute", "tag", "VR", "level", "matching"),
            (
                (one.keyword, one.tag, one.vr, str(one.level), one.matched or "none, returned")
                for one in ATTRIBUTES
            ),
        )
        + "\n\n### Media types of frames (PS3.18 §8.7.3.3)\n\n"
        + _table(("transfer syntax", "media type"), sorted(FRAME_TYPES.items()))
        + "\n\n### Reasons in answers to STOW-RS (PS3.18 §10.5.3)\n\n"
        + _table(("code", "when"), ((f"{code:04X}", why) for code, why in REASONS.items()))
    )


def _characters() -> str:
    terms = [(f"`{term}`", codec) for term, codec in python_encoding.items() if term]
    return (
        "Texts are decoded as Specific Character Set (0008,0005) says, with the escape sequences\n"
        "of ISO 2022. A term that is unknown counts as ISO_IR 100; a byte that its set does not\n"
        "have becomes U+FFFD. Nothing is refused for its characters, and stored bytes never\n"
        f"change. Texts are cut at {text.MAX_TEXT} characters where the node itself keeps them.\n"
        "The node writes"
        " `ISO_IR 192` (UTF-8).\n\n" + _table(("term", "decoded as"), terms)
    )


def _coercions() -> str:
    return _table(("where", "what", "why"), COERCIONS)


def _security() -> str:
    return (
        "The DICOM port speaks TLS on a port of its own (`dicom.tls_certificate`): PS3.15 §B.12,\n"
        "TLS 1.2 with ECDHE and AES-GCM or 1.3. Certificates of senders are demanded where\n"
        "`dicom.tls_clients` is set, and asked for where a sender has one pinned. Unless unknown\n"
        "senders are kept in quarantine, an address from which nobody who is known may come is\n"
        "refused before a byte is read or a TLS handshake begins. Between nodes,\n"
        "images travel encrypted by undisc's own protocol (`protocol/SPEC.md`), not by DICOM.\n"
        "The log's events map to DICOM audit messages (PS3.15 A.5): see [events.md](events.md)."
    )


def _limits() -> str:
    rows: list[tuple[object, ...]] = []
    for part, bounds in (("DICOM port", port_bounds.Bounds()), ("worker", WorkBounds())):
        told = _told(type(bounds).__doc__ or "")
        rows += [
            (part, f"`{one.name}`", getattr(bounds, one.name), told[one.name])
            for one in fields(bounds)
        ]
    rows += [
        ("reader", "`MAX_ELEMENTS`", scan.MAX_ELEMENTS, "Element headers before Instance Number"),
        ("reader", "`MAX_DEPTH`", scan.MAX_DEPTH, "Open sequences and items"),
        ("reader", "`MAX_VALUE`", scan.MAX_VALUE, "Bytes looked at of one value"),
        ("reader", "`MAX_INFLATED`", reader.MAX_INFLATED, "Bytes inflated of a deflated object"),
        ("describer", "`MAX_ELEMENTS`", describing.MAX_ELEMENTS, "Elements before the pixel data"),
        ("describer", "`MAX_DEPTH`", describing.MAX_DEPTH, "Open sequences and items"),
        ("describer", "`MAX_TOTAL`", describing.MAX_TOTAL, "Bytes of all values in a description"),
        ("describer", "`MAX_INFLATED`", describing.MAX_INFLATED, "Bytes inflated"),
    ]
    return (
        "The *reader* takes from each object what the node must know, the *describer* makes\n"
        "descriptions of it, and a *worker* is a process that decodes pixel data. What breaks a\n"
        "bound is refused with a code of [errors.md](errors.md); a description ends there.\n\n"
        + _table(("where", "limit", "value", "of what"), rows)
    )


def _told(docstring: str) -> dict[str, str]:
    """Read the attributes of a Google-style docstring, one line each."""
    _, _, listed = docstring.partition("Attributes:\n")
    entries = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", listed, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", said).rstrip(".") for name, said in entries}


def _table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}"
    return "\n".join((head, *(f"| {' | '.join(map(str, row))} |" for row in rows)))


SECTIONS: Final[Sequence[tuple[str, Callable[[], str]]]] = (
    ("Roles and SOP classes", _services),
    ("Queries and retrievals provided", _queries),
    ("Storage SOP classes", _storage),
    ("Transfer syntaxes proposed", _proposed),
    ("Transfer syntaxes looked into", _deflated),
    ("Objects made by the node", _made),
    ("Network and AE configuration", _network),
    ("DICOMweb services", _dicomweb),
    ("Character sets", _characters),
    ("Changes to objects", _coercions),
    ("Security profiles", _security),
    ("Limits", _limits),
)
