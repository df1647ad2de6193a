"""Names are decoded by their character set, and identifiers are checked."""

from __future__ import annotations

import pytest

from undisc_node.dicom import text

# The examples of PS3.5 annexes H, I, J and K.
EXAMPLES = [
    (b"ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    (
        b"\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        b"\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
        "Hong^Gildong=洪^吉洞",
    ),
    (b"ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    (b"GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    (b"ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    (b"ISO_IR 144", b"\xbb\xee\xda\xe1\xd5\xdc\xd1\xe3\xe0\xd3", "Люксембург"),
]


@pytest.mark.parametrize(("character_set", "value", "expected"), EXAMPLES)
def test_the_examples_of_the_standard(character_set, value, expected):
    assert text.decode(value, text.character_sets(character_set)) == expected


@pytest.mark.parametrize(
    "term", [b"ISO_IR 192", b"ISO IR 192", b"ISO-IR 192", b"ISO_IR 192 ", b"ISO_IR 192\0"]
)
def test_misspelt_terms_are_understood(term):
    assert text.decode("Jérôme".encode(), text.character_sets(term)) == "Jérôme"


@pytest.mark.parametrize("term", [b"", b"NONSENSE", b"\xff\xfe", b"\\\\\\", b"utf-7"])
def test_an_unknown_set_never_fails(term):
    assert text.decode(b"Smith", text.character_sets(term)) == "Smith"


def test_undecodable_bytes_are_shown_as_such():
    assert text.decode(b"a\xffb", text.character_sets(b"ISO_IR 192")) == "a\ufffdb"


def test_a_line_break_in_a_name_cannot_forge_a_log_line():
    assert text.clean("a\r\nb\u2028c\x85d") == "abcd"
