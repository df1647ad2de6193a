"""SPEC.md, the code and the vectors say the same."""

import re

import generate
import pytest
import vectorfile

from undisc_protocol import limits
from undisc_protocol.errors import REMOTE_CODES

SPEC = generate.HERE.parent / "SPEC.md"
ROW = re.compile(r"^\| (\d\.\d+-[AR]\d+) \|(.*)\|$", re.MULTILINE)
ROWS = dict(ROW.findall(SPEC.read_text(encoding="utf-8")))


VECTORS = [vectorfile.read(name, text) for name, text in generate.made().items()]


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_row_names_its_vectors(row):
    """A rule that no vector tries is not in the specification."""
    names = {vector.name for vector in VECTORS if vector.row_id == row}
    cells = [cell.strip() for cell in ROWS[row].split("|")]
    assert names
    assert set(cells[-1].replace("`", "").split(", ")) == names


def test_every_vector_belongs_to_a_row():
    assert {vector.row_id for vector in VECTORS} == set(ROWS)


def test_rows_are_unique():
    rows = [row for row, _ in ROW.findall(SPEC.read_text(encoding="utf-8"))]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.file_name)
def test_code_of_row(vector):
    """Vector and row agree about acceptance and code."""
    cells = [cell.strip(" `") for cell in ROWS[vector.row_id].split("|")]
    assert ("A" in vector.row) == (vector.expect is None)
    if vector.expect:
        assert vector.expect.code in cells


def test_limits_table():
    """§2.3 lists every bound with its value."""
    rows = re.findall(
        r"^\| ([A-Z_]+) \| (-?\d+) \|", SPEC.read_text(encoding="utf-8"), re.MULTILINE
    )
    in_code = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert {name: int(value) for name, value in rows} == in_code


def test_errors_table():
    """§2.4 lists every code with its status and layer."""
    rows = re.findall(
        r"^\| ([a-z_]+) \| (\d{3}) \| ([a-z]+) \|", SPEC.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == [(code, str(leaf.status), leaf.layer) for code, leaf in REMOTE_CODES.items()]


def _dumps():
    """Every block of SPEC.md that shows the bytes of a vector, with that vector's row."""
    return re.findall(r"vector (\d\.\d-A\d+):\n\n((?:    .*\n)+)", SPEC.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("row", "dump"), _dumps())
def test_a_dump_shows_the_bytes(row, dump):
    """Tokens of hex follow one another; one that ends with an ellipsis leaves bytes out."""
    vector = next(vector for vector in VECTORS if vector.row_id == row)
    (raw,) = vector.parts.values()
    tokens = re.findall(r"(?<!\S)[0-9a-f]{2,}…?(?!\S)", re.sub(r'".*', "", dump))
    assert re.fullmatch("".join(tokens).replace("…", "(?:..)*"), raw.hex())


def test_there_are_dumps():
    assert len(_dumps()) >= 2
