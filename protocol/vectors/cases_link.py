"""Cases of SPEC.md §3.8: whole links out of what people paste, and typed codes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from vectorfile import Vector, fixed

from undisc_protocol import keys, limits
from undisc_protocol.errors import LinkDamaged, Oversize, RemoteProtocolError
from undisc_protocol.link import write_link, write_secret
from undisc_protocol.link_code import write_code

_ADDRESS = "https://images.example/undisc"
_SECRET = fixed("pasted link")
_LINK = write_link(_ADDRESS, _SECRET)
_ESCAPED = quote(_LINK, safe="")


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _links()
    yield from _codes()


def _vector(row: str, name: str, what: str, error: type[RemoteProtocolError] | None, comment: str,
            text: str, **results: str) -> Vector:  # fmt: skip
    return Vector(
        section="3.8", row=row, name=name, what=what, expect=error, comment=comment,
        parts={"text": text.encode()}, results={} if error else results,
    )  # fmt: skip


def _links() -> Iterator[Vector]:
    results = {
        "address": _ADDRESS, "secret": _SECRET.hex(), "did": keys.link_key(_SECRET).did,
    }  # fmt: skip
    older = _ESCAPED.replace("-", "-2D").replace("_", "-5F").replace("%2F", "_").replace("%", "-")
    half = len(_LINK) - 20
    for row, name, comment, text in (
        ("A1", "plain", "a whole link", _LINK),
        ("A1", "slash", "a slash before the hash", _LINK.replace("/l#", "/l/#")),
        ("A2", "hash-escaped", "# became %23", _LINK.replace("#", "%23")),
        ("A2", "hash-escaped-twice", "# became %2523", _LINK.replace("#", "%2523")),
        ("A2", "all-escaped", "every special character is escaped", _ESCAPED),
        ("A2", "hash-in-html", "# became a character reference", _LINK.replace("#", "&#35;")),
        ("A3", "sentence", "words around it, a full stop behind", f"Your images: {_LINK}. Regards"),
        ("A3", "brackets", "in angle brackets", f"<{_LINK}>"),
        ("A4", "broken-line", "the line broke within the secret",
         f"{_LINK[:half]}\r\n{_LINK[half:]} thanks"),
        ("A4", "quoted-printable", "a soft line break", f"{_LINK[:half]}=\r\n{_LINK[half:]}"),
        ("A4", "quoted-reply", "a line of a quoted reply", f"{_LINK[:half]}\n> {_LINK[half:]}"),
        ("A5", "safe-links", "as the value of another address's query",
         f"https://scan.example/?url={_ESCAPED}&data=05%7C01&reserved=0"),
        ("A5", "redirect", "only the hash is escaped within it",
         f"https://www.example/url?q={_LINK.replace('#', '%23')}&sa=D"),
        ("A6", "defense-2", "URL Defense version 2",
         f"https://urldefense.example/v2/url?u={older}&d=DwMFaQ&c=x"),
        ("A6", "defense-3", "URL Defense version 3",
         f"https://urldefense.example/v3/__{_LINK.replace('#', '*')}__;Iw!!A1b2$"),
    ):  # fmt: skip
        yield _vector(row, name, "whole-link", None, comment, text, **results)
    yield _vector("R01", "long", "whole-link", Oversize, "more than 2048 characters",
                  _LINK + " " * limits.MAX_LINK)  # fmt: skip
    other = write_link(_ADDRESS, fixed("another pasted link"))
    for name, comment, text in (
        ("stripped", "nothing is left of the fragment", _LINK.split("#")[0]),
        ("empty-fragment", "nothing stands behind the hash", _LINK.split("#")[0] + "#"),
        ("cut", "one character is missing", _LINK[:-1]),
        ("long-secret", "one character too many", _LINK + "A"),
        (
            "loose-bits",
            "two bits at its end stand for nothing",
            f"{_ADDRESS}/l#{write_secret(bytes(32))[:-1]}B",
        ),
        ("two", "two links", f"{_LINK} {other}"),
        ("other-page", "another page of the same node", _LINK.replace("/l#", "/a#")),
        ("no-address", "the secret alone", _LINK.split("#")[1]),
        ("words", "no link at all", "good morning"),
    ):
        yield _vector("R02", name, "whole-link", LinkDamaged, comment, text)


def _codes() -> Iterator[Vector]:
    code = write_code(fixed("code", 7))
    bare = code.replace("-", "")
    zeros = write_code(bytes(7))
    for name, comment, text, read in (
        ("code", "as it is printed", code, code),
        ("code-small", "small letters and spaces", code.lower().replace("-", " "), code),
        ("code-bare", "without anything between", bare, code),
        ("code-misread", "O for 0, as it is read aloud", zeros.replace("0", "O"), zeros),
    ):
        yield _vector("A7", name, "code", None, comment, text, code=read)
    mistyped = ("2" if bare[0] != "2" else "3") + bare[1:]
    place = next(at for at in range(11) if bare[at] != bare[at + 1])
    swapped = bare[:place] + bare[place + 1] + bare[place] + bare[place + 2 :]
    for name, comment, text in (
        ("code-mistyped", "one character is another", mistyped),
        ("code-swapped", "two neighbours are swapped", swapped),
        ("code-short", "eleven characters", bare[:-1]),
        ("code-long", "thirteen characters", bare + "0"),
        ("code-letter", "a letter that no code has", "U" + bare[1:]),
    ):
        yield _vector("R03", name, "code", LinkDamaged, comment, text)
