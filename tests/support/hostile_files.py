"""Files made to hurt whoever reads them: each has one trick, and a name that says which.

    for name, content in hostile_files().items(): ...

`TRAVERSALS` are fifty names that have led other programs out of their folder.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache

from support.dicom_files import DEFLATED, EXPLICIT, IMPLICIT, data_set, explicit_data_set, implicit
from undisc_node.dicom.part10 import EXPLICIT_BIG, compose_part10

MIB = 2**20
SC = "1.2.840.10008.5.1.4.1.1.7"
TRAVERSALS = (
    "..", "../..", "../../etc/passwd", "/etc/passwd", "//etc/passwd", "./../x", "a/../../b",
    "..\\..\\windows\\win.ini", "\\\\host\\share\\x", "C:\\x", "C:x", "%2e%2e%2fx", "%2e%2e/x",
    "..%2fx", "..%252fx", "%c0%ae%c0%ae/x", "..%c0%afx", "....//x", "..;/x", "../\0x", "x\0.dcm",
    "/dev/null", "/dev/stdin", "/proc/self/environ", "/proc/self/fd/0", "file:///etc/passwd",
    "http://evil.example/x", "~root/x", "~/.ssh/authorized_keys", "$HOME/x", "${IFS}x", "`id`",
    "$(id)", "|id", ";id", "&id", "-rf", "--help", "CON", "NUL", "AUX.dcm", "COM1", "x.", "x ",
    "1.2/../../3", "1.2/3", "1.2\\3", ".", " ", "\n../x",
)  # fmt: skip

_UNDEFINED = b"\xff" * 4
_SEQUENCE = b"\x08\x00\x40\x11"  # (0008,1140): before the patient, so that it must be walked
_BEHIND = b"\x40\x00\x75\x02"  # (0040,0275): behind all that a node needs to know
_ITEM, _ITEM_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"
_PIXELS = b"\xe0\x7f\x10\x00"


def file_of(body: bytes, syntax: str = IMPLICIT, preamble: bytes = bytes(128)) -> bytes:
    """Put a data set behind preamble and file meta information."""
    head = compose_part10(sop_class=SC, sop_uid="1.2.3.4", transfer_syntax=syntax)
    return preamble + head[128:] + body


@cache
def hostile_files() -> dict[str, bytes]:
    """Return all of them by name."""
    return dict(
        pair
        for made in (_bombs(), _nests(), _lengths(), _meta(), _texts(), _names())
        for pair in made
    )


def packed(data: bytes, zeros: int = 0) -> bytes:
    """Deflate bytes, with so many MiB of zeros behind them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * zeros + packer.flush()


def _bombs() -> Iterator[tuple[str, bytes]]:
    """What becomes large."""
    before = b"\x09\x00\x10\x00OB\0\0" + (2**30).to_bytes(4, "little")
    yield "bomb-before-the-patient", file_of(packed(before, zeros=1_024), DEFLATED)
    pixels = b"\xe0\x7f\x10\x00OW\0\0" + (2**30).to_bytes(4, "little")
    bomb = packed(explicit_data_set() + pixels, zeros=1_024)
    yield "bomb-in-the-pixels", file_of(bomb, DEFLATED)
    yield "deflate-without-output", file_of(b"\0\0\0\xff\xff" * 500_000, DEFLATED)
    yield "deflate-that-is-none", file_of(data_set(), DEFLATED)
    yield "deflate-within-deflate", file_of(packed(packed(explicit_data_set())), DEFLATED)
    yield "deflate-cut-short", file_of(packed(explicit_data_set())[:40], DEFLATED)
    yield "million-elements", file_of(implicit(0x00080001, b"") * 1_000_000)
    unknown = b"".join(implicit(tag, b"") for tag in range(0x00080201, 0x00080201 + 60_000, 2))
    yield "unknown-elements", file_of(unknown * 7)
    repeated = b"".join(implicit(tag, b"") for tag in range(0x60002000, 0x60002000 + 50_000, 2))
    yield "unknown-overlays", file_of(data_set() + repeated * 7)
    yield (
        "million-items",
        file_of(_SEQUENCE + _UNDEFINED + (_ITEM + bytes(4)) * 1_000_000 + _SEQUENCE_END + bytes(4)),
    )
    yield "long-text", file_of(data_set(description=b"x" * (4 * MIB)))


def _nests() -> Iterator[tuple[str, bytes]]:
    """What is in one another, ten thousand deep."""
    opening = _SEQUENCE + _UNDEFINED + _ITEM + _UNDEFINED
    closing = _ITEM_END + bytes(4) + _SEQUENCE_END + bytes(4)
    before, after = data_set().split(implicit(0x00100010, b"DOE^JANE"))
    after = implicit(0x00100010, b"DOE^JANE") + after
    for depth in (63, 200, 10_000):
        yield f"nested-{depth}", file_of(before + opening * depth + closing * depth + after)
        behind = data_set() + (opening * depth + closing * depth).replace(_SEQUENCE, _BEHIND)
        yield f"nested-{depth}-behind", file_of(behind)
        yield f"nested-{depth}-with-lengths", file_of(before + _measured(depth) + after)
    explicit = _SEQUENCE + b"SQ\0\0" + _UNDEFINED + _ITEM + _UNDEFINED
    yield "nested-explicit-open", file_of(explicit * 10_000, EXPLICIT)
    unknown = _SEQUENCE + b"UN\0\0" + _UNDEFINED + _ITEM + _UNDEFINED
    yield "nested-unknown", file_of(unknown + opening * 10_000, EXPLICIT)


def _measured(depth: int) -> bytes:
    """Nest sequences of defined length."""
    inner = [16 * (depth - level - 1) for level in range(depth)]
    return b"".join(
        _SEQUENCE + (8 + size).to_bytes(4, "little") + _ITEM + size.to_bytes(4, "little")
        for size in inner
    )


def _lengths() -> Iterator[tuple[str, bytes]]:
    """Lengths that lie, and ends that never come."""
    for length in (1, 7, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
        said = length.to_bytes(4, "little")
        yield f"length-{length:x}", file_of(b"\x08\x00\x05\x00" + said + data_set())
        yield (
            f"length-{length:x}-of-name",
            file_of(data_set().replace(b"\x10\x00\x10\x00\x08\0\0\0", b"\x10\x00\x10\x00" + said)),
        )
        yield f"pixels-{length:x}", file_of(data_set() + _PIXELS + said + b"abc")
    yield "sequence-without-end", file_of(_SEQUENCE + _UNDEFINED + _ITEM + _UNDEFINED)
    yield "sequence-without-item", file_of(_SEQUENCE + _UNDEFINED + data_set())
    yield "end-without-sequence", file_of(_SEQUENCE_END + bytes(4) + data_set())
    for name, fragments in {
        "longer": _ITEM + bytes(4) + _ITEM + b"\xff\xff\xff\x7f" + b"abc",
        "of-no-length": _ITEM + bytes(4) + _ITEM + _UNDEFINED + b"abc",
        "offsets-outside": _ITEM + b"\x04\0\0\0" + _UNDEFINED + _ITEM + b"\x02\0\0\0ab",
        "many-empty": (_ITEM + bytes(4)) * 300_000,
    }.items():
        body = explicit_data_set() + _PIXELS + b"OB\0\0" + _UNDEFINED + fragments
        yield f"fragments-{name}", file_of(body, "1.2.840.10008.1.2.4.50")
    for vr in (b"ZZ", b"SQ", b"UN", b"??", b"\0\0", b"ob"):
        element = b"\x09\x00\x10\x00" + vr + b"\xff\xff"
        yield f"representation-{vr.hex()}", file_of(element + explicit_data_set(), EXPLICIT)


def _meta() -> Iterator[tuple[str, bytes]]:
    """File meta information that lies about what follows."""
    for name, syntax in {
        "private": "1.3.6.1.4.1.99999.1", "none": "1", "big-endian": EXPLICIT_BIG,
        "jpeg": "1.2.840.10008.1.2.4.50", "jpip": "1.2.840.10008.1.2.4.94",
        "video": "1.2.840.10008.1.2.4.102", "deflated-image": "1.2.840.10008.1.2.8.1",
    }.items():  # fmt: skip
        yield f"syntax-{name}", file_of(explicit_data_set(), syntax)
        yield f"syntax-{name}-implicit", file_of(data_set(), syntax)
    whole = file_of(data_set())
    for length in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        said = length.to_bytes(4, "little")
        yield f"meta-length-{length:x}", whole[:140] + said + whole[144:]
    yield "meta-twice", whole[:132] + whole[132:].replace(data_set(), b"") * 2 + data_set()
    yield "meta-for-ever", whole[:132] + b"\x02\x00\x02\x01UN\0\0\0\0\0\0" * 300_000
    yield "prefix-only", bytes(128) + b"DICM"
    yield "no-prefix", data_set()


def _texts() -> Iterator[tuple[str, bytes]]:
    """Character sets that are unknown, many, or wrong."""
    name = b"\x1b$B;3ED\x1b(B^\x1b$)C\xb1\xe8\xff\xfe\x80\x1b\x1b("
    for number, sets in enumerate(
        (
            b"", b"NO SUCH SET", b"ISO_IR 192", b"ISO 2022 IR 87", b"\\ISO 2022 IR 149", b"GB18030",
            b"ISO_IR 13\\ISO_IR 13", b"\\".join([b"ISO 2022 IR 87"] * 2_000), b"\\" * 4_000,
            b"\xff\xfe", b"utf-7", b"idna", b"rot13", b"unicode_escape", b"undefined", b"zip",
        )
    ):  # fmt: skip
        yield f"characters-{number}", file_of(data_set(character_set=sets, name=name))
    yield "escapes", file_of(data_set(character_set=b"\\ISO 2022 IR 87", name=b"\x1b$B" * 1_300))


def _names() -> Iterator[tuple[str, bytes]]:
    """UIDs that are paths, and preambles that are programs."""
    for number, name in enumerate(TRAVERSALS):
        raw = name.encode("latin-1")
        for what in ("study_uid", "series_uid", "sop_uid", "sop_class"):
            yield f"path-{number}-{what}", file_of(data_set(**{what: raw}))
        whole = file_of(data_set())
        yield f"path-{number}-meta", whole.replace(b"1.2.3.4\0", raw[:8].ljust(8, b"\0"), 1)
        yield (
            f"path-{number}-texts",
            file_of(data_set(description=raw, patient_id=raw, modality=raw)),
        )
    for name, start in {
        "pe": b"MZ\x90\0", "elf": b"\x7fELF\x02\x01\x01", "zip": b"PK\x03\x04",
        "pdf": b"%PDF-1.7\n", "html": b"<html><script>", "script": b"#!/bin/sh\n:\n",
        "tiff": b"II*\0",
    }.items():  # fmt: skip
        yield f"preamble-{name}", file_of(data_set(), preamble=start.ljust(128, b"\n"))
