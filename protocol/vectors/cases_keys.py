"""Cases of SPEC.md §3.1 (did:key), §3.2 (keys), §3.3 (words) and §3.7 (recovery kit)."""

from __future__ import annotations

from collections.abc import Iterator

from nacl.bindings import crypto_core_ed25519_add
from nacl.public import PrivateKey
from vectorfile import Vector, fixed, fixed_key

from undisc_protocol import keys, link
from undisc_protocol.did import encode_did, fingerprint_words
from undisc_protocol.errors import (
    BadFields,
    BadKey,
    CannotOpen,
    Malformed,
    Oversize,
    RemoteProtocolError,
)
from undisc_protocol.kit import BEGIN, END, Kit, make_kit

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FIELD = 2**255 - 19
_ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
_OTHER_ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_SIGN = 1 << 255


def _point(number: int) -> bytes:
    return number.to_bytes(32, "little")


def _small_order() -> Iterator[tuple[str, bytes]]:
    """Yield the fourteen encodings that some verifiers take for a key of small order."""
    first, second = (int.from_bytes(bytes.fromhex(y), "little") for y in (_ORDER_8, _OTHER_ORDER_8))
    for name, number in (
        ("order-1", 1),
        ("order-2", _FIELD - 1),
        ("order-4", 0),
        ("order-4-signed", _SIGN),
        ("order-8", first),
        ("order-8-signed", first | _SIGN),
        ("order-8-other", second),
        ("order-8-other-signed", second | _SIGN),
        ("order-1-signed", 1 | _SIGN),
        ("order-2-signed", (_FIELD - 1) | _SIGN),
        ("order-4-unreduced", _FIELD),
        ("order-4-unreduced-signed", _FIELD | _SIGN),
        ("order-1-unreduced", _FIELD + 1),
        ("order-1-unreduced-signed", (_FIELD + 1) | _SIGN),
    ):
        yield name, _point(number)


def _base58(content: bytes) -> str:
    number, digits = int.from_bytes(content, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return digits


def cases() -> Iterator[Vector]:
    """Yield every case."""
    yield from _dids()
    yield from _derivations()
    yield from _seals()
    yield from _links()
    yield from _kits()
    digest = fixed("words")
    yield Vector(
        section="3.3", row="A1", name="twelve-words", what="words", expect=None,
        comment="the first 132 bits of a hash, eleven for a word", parts={"digest": digest},
        results={"words": " ".join(fingerprint_words(digest))},
    )  # fmt: skip


def _did(
    row: str,
    name: str,
    error: type[RemoteProtocolError] | None,
    comment: str,
    text: str,
    **results: str,
) -> Vector:
    return Vector(
        section="3.1", row=row, name=name, what="did", expect=error, comment=comment,
        parts={"text": text.encode()}, results=results,
    )  # fmt: skip


def _dids() -> Iterator[Vector]:
    key = fixed_key("did")
    good = str(key.did)
    yield _did("A1", "ed25519", None, "an ordinary key", good, key=key.public.hex())
    for name, comment, text in (
        ("did-web", "another method", "did:web:practice.example" + "z" * 32),
        ("upper-case", "the method in upper case", "DID:KEY:" + good[8:]),
        ("no-multibase", "no z in front of the digits", "did:key:6" + good[9:] + "k"),
        ("fragment", "a fragment behind the key", good + "#" + good[8:]),
        ("space", "a space behind the key", good + " "),
        ("cut", "one digit missing", good[:-1]),
        ("empty", "no text", ""),
    ):
        yield _did("R01", name, BadKey, comment, text)
    yield _did("R02", "not-base58", BadKey, "an l among the digits", good[:-1] + "l")
    yield _did("R02", "zero", BadKey, "a 0 among the digits", good[:-1] + "0")
    yield _did("R02", "not-ascii", BadKey, "a letter outside ASCII", good[:-1] + "é")
    for name, comment, content in (
        ("x25519", "an X25519 key", b"\xec\x01" + key.public),
        ("secp256k1", "the prefix of secp256k1", b"\xe7\x01" + key.public),
        ("p256", "the prefix of P-256", b"\x80\x24" + key.public),
        ("long-varint", "the prefix in a longer form", b"\xed\x81" + key.public),
    ):
        yield _did("R03", name, BadKey, comment, "did:key:z" + _base58(content)[:47].rjust(47, "1"))
    yield _did("R04", "too-large", BadKey, "digits beyond 34 bytes", "did:key:z" + "z" * 47)
    shorter = _base58(b"\x01" + key.public)
    yield _did(
        "R04",
        "leading-ones",
        BadKey,
        "zeros in front, as ones",
        "did:key:z" + shorter.rjust(47, "1"),
    )
    for name, content in _small_order():
        yield _did("R05", name, BadKey, "a point of small order", encode_did(content))
    mixed = crypto_core_ed25519_add(key.public, bytes.fromhex(_ORDER_8))
    yield _did(
        "R05", "mixed-order", BadKey, "a good key plus a point of order 8", encode_did(mixed)
    )
    yield _did(
        "R05",
        "unreduced",
        BadKey,
        "a coordinate not below the prime",
        encode_did(_point(2**255 - 1)),
    )
    yield _did("R05", "not-a-point", BadKey, "a coordinate of no point", encode_did(_point(2)))


def _derivations() -> Iterator[Vector]:
    secret = fixed("secret")
    box, joined = keys.box_key(secret), keys.link_key(secret)
    yield _derivation("A1", "public-keys", "public", "the public halves of a seed",
        {"secret": secret},
        did=keys.SignKey.from_seed(secret).did, x25519=bytes(PrivateKey(secret).public_key).hex(),
    )  # fmt: skip
    yield _derivation("A2", "box-key", "box", "the box key of a node key's seed",
        {"secret": secret},
        private=bytes(box).hex(), public=bytes(box.public_key).hex(),
    )  # fmt: skip
    yield _derivation("A3", "link-key", "link", "the key of a link's secret", {"secret": secret},
        seed=bytes(joined.signing).hex(), did=joined.did,
    )  # fmt: skip
    uid = "1.2.826.0.1.3680043.8.498.1"
    yield _derivation("A4", "series-name", "series", "the name of a series", {"secret": secret},
        {"uid": uid}, name=keys.series_name(secret, uid).hex(),
    )  # fmt: skip
    salt = fixed("salt", 16)
    yield _derivation("A5", "kit-key", "kit", "the key of a passphrase", {"salt": salt},
        {"passphrase": "correct horse"}, key=keys.kit_key("correct horse", salt).hex(),
    )  # fmt: skip
    block = b"a block"
    yield _derivation("A8", "backup", "backup", "the backup key, and the name of a block",
        {"secret": secret, "block": block},
        key=keys.backup_key(secret).hex(),
        name=keys.backup_block_name(keys.backup_key(secret), block).hex(),
    )  # fmt: skip


def _derivation(
    row: str,
    name: str,
    derive: str,
    comment: str,
    parts: dict[str, bytes],
    headers: dict[str, str] | None = None,
    /,
    **results: str,
) -> Vector:
    return Vector(
        section="3.2", row=row, name=name, what="keys", expect=None, comment=comment,
        headers={"derive": derive, **(headers or {})}, parts=parts, results=results,
    )  # fmt: skip


def _seals() -> Iterator[Vector]:
    key, bound_to, plaintext = fixed("seal"), fixed("pack", 16), b"a header"
    sealed = keys.seal(
        key, plaintext, domain=keys.DOMAIN_HEADER, bound_to=bound_to, nonce=fixed("nonce", 24)
    )
    parts = {"key": key, "sealed": sealed, "bound-to": bound_to}
    headers = {"domain": keys.DOMAIN_HEADER.decode()}

    def case(row: str, name: str, comment: str, **other: bytes | str) -> Vector:
        domain = other.pop("domain", headers["domain"])
        return Vector(
            section="3.2", row=row, name=name, what="sealed", comment=comment,
            expect=CannotOpen if row[0] == "R" else None,
            headers={"domain": str(domain)},
            parts=parts | {name.replace("_", "-"): bytes(part) for name, part in other.items()},
            results={} if row[0] == "R" else {"plaintext": plaintext.hex()},
        )  # fmt: skip

    yield case("A6", "sealed", "bytes sealed under a study key for its pack")
    yield case("R01", "other-key", "sealed under another key", key=fixed("other"))
    yield case("R01", "other-pack", "sealed for another pack", bound_to=fixed("other", 16))
    yield case("R01", "other-domain", "sealed for another use", domain="undisc/v1/study-key")
    yield case("R01", "changed", "one bit changed", sealed=sealed[:-1] + bytes((sealed[-1] ^ 1,)))
    yield case("R01", "cut", "shorter than nonce and tag", sealed=sealed[:39])
    yield case("R01", "empty", "no bytes", sealed=b"")


def _links() -> Iterator[Vector]:
    secret = fixed("link secret")
    good = link.write_secret(secret)
    results = {"secret": secret.hex(), "did": keys.link_key(secret).did}
    page = "https://practice.example/s/"
    for name, comment, text in (
        ("fragment", "the fragment alone", good),
        ("link", "a whole link", f"{page}#{good}"),
        ("escaped-hash", "# as %23", f"{page}%23{good}"),
        ("escaped-twice", "# as %2523", f"{page}%2523{good}"),
        ("in-brackets", "in brackets, with a full stop behind", f"<{page}#{good}>."),
        ("spaces", "spaces and a line end around it", f"  {page}#{good}\r\n"),
    ):
        yield Vector(
            section="3.2", row="A7", name=f"link-{name}", what="link", expect=None,
            comment=comment, parts={"text": text.encode()}, results=results,
        )  # fmt: skip
    for name, comment, text in (
        ("cut", "one character missing", good[:-1]),
        ("long", "one character too many", good + "A"),
        ("no-secret", "an address without a secret", page),
        ("base64", "the other base64 alphabet", good[:-2] + "+" + good[-1]),
        ("loose-bits", "a last character with bits beyond the 32 bytes", good[:-1] + "B"),
    ):
        yield Vector(
            section="3.2", row="R02", name=f"link-{name}", what="link", expect=BadFields,
            comment=comment, parts={"text": text.encode()},
        )  # fmt: skip


def _kits() -> Iterator[Vector]:
    made = Kit(fixed("node"), fixed("recovery"), fixed("kek"))
    salt, nonce = fixed("kit salt", 16), fixed("kit nonce", 24)
    passphrase = "Gr\u00fc\u00dfe aus dem Keller"  # noqa: S105 - of a vector
    written = make_kit(made, name="Radiologie", passphrase=passphrase, salt=salt, nonce=nonce)
    rows = written[written.index(BEGIN) : written.index(END) + len(END)]
    page = f"what the page says to people\n\n{rows}\n"
    copied = "\r\n".join(
        line.lower().replace(" ", "").replace("o", "0").replace("i", "1").replace("b", "8")
        if line not in (BEGIN, END) else line
        for line in rows.splitlines()
    )  # fmt: skip

    def case(
        row: str,
        name: str,
        error: type[RemoteProtocolError] | None,
        comment: str,
        text: str,
        words: str = passphrase,
    ) -> Vector:
        return Vector(
            section="3.7", row=row, name=name, what="kit", expect=error, comment=comment,
            headers={"passphrase": words}, parts={"text": text.encode()},
            results={} if error else {
                "node": made.node_id.hex(), "recovery": made.recovery_seed.hex(),
                "kek": made.key_encryption_key.hex(),
            },
        )  # fmt: skip

    yield case("A1", "page", None, "the whole page", page)
    yield case(
        "A2", "copied", None, "copied by hand without spaces, 0 for O, 1 for I, 8 for B", copied
    )
    decomposed = "Gru\u0308\u00dfe aus dem Keller"
    yield case("A3", "decomposed", None, "the passphrase from another keyboard", rows, decomposed)
    yield case("R01", "large", Oversize, "far more text than a page", rows + " " * 65_536)
    yield case("R02", "no-rows", Malformed, "a page without the rows", page[: page.index(BEGIN)])
    first = rows.splitlines()[1]
    turned = first[1] + first[0] + first[2:]
    yield case("R02", "mistyped", Malformed, "two letters swapped", rows.replace(first, turned))
    cut = "\n".join(line for line in rows.splitlines() if line != rows.splitlines()[-2])
    yield case("R02", "row-missing", Malformed, "the last row is missing", cut)
    yield case("R03", "other-passphrase", CannotOpen, "another passphrase", rows, "Gr\u00fc\u00dfe")
