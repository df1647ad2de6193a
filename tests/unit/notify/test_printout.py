"""The sheet of paper: its QR code is the link, and everything on it is one page."""

from __future__ import annotations

import dataclasses
import re
import subprocess

import pytest

from support.programs import package
from undisc_node.notify.printing import ApartPrinter
from undisc_node.notify.printout import PAPERS, SheetPrinter
from undisc_node.services.errors import Unavailable
from unit.notify.test_wording import FACTS


@pytest.fixture
def reading_tools():
    """Programs that read a sheet as a printer and a telephone do."""
    package("pdftotext", "poppler-utils")
    package("zbarimg", "zbar-tools")


def drawn(tmp_path, paper="a4", tag="en", **changes):
    path = tmp_path / f"{paper}-{tag}.pdf"
    path.write_bytes(SheetPrinter(paper).draw(tag, dataclasses.replace(FACTS, **changes)))
    return path


@pytest.mark.parametrize("paper", PAPERS)
def test_a_sheet_is_one_page_of_its_paper_and_the_same_each_time(tmp_path, paper):
    path = drawn(tmp_path, paper)
    pdf = path.read_bytes()
    assert pdf == drawn(tmp_path, paper).read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    width, height = PAPERS[paper]
    assert f"/MediaBox [ 0 0 {width:g}".encode()[:22] in pdf
    assert height > width
    assert FACTS.link.encode() not in pdf  # only as squares


def test_the_node_has_it_drawn_by_a_child_that_draws_the_same():
    """The node's own process cannot load what draws pictures."""
    assert ApartPrinter("a4").draw("es", FACTS) == SheetPrinter("a4").draw("es", FACTS)
    with pytest.raises(Unavailable, match="could not be drawn") as problem:
        ApartPrinter("a0").draw("es", FACTS)
    assert FACTS.link not in str(problem.value)


@pytest.mark.usefixtures("reading_tools")
@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("tag", ["en", "es"])
def test_its_qr_code_is_read_back_as_the_link_and_a_person_reads_the_rest(tmp_path, paper, tag):
    path = drawn(tmp_path, paper, tag)
    subprocess.run(["pdftoppm", "-r", "100", "-png", "-singlefile", path, path], check=True)
    read = subprocess.run(
        ["zbarimg", "-q", "--raw", f"{path}.png"], check=True, capture_output=True, text=True
    )
    assert read.stdout.strip() == FACTS.link
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True
    ).stdout
    said = {
        "en": ("What to do", "November 12, 2027"),
        "es": ("Qué hacer", "12 de noviembre de 2027"),
    }
    for wanted in (*said[tag], FACTS.page, FACTS.code, FACTS.practice, FACTS.phone):
        assert wanted in text


@pytest.mark.usefixtures("reading_tools")
def test_long_names_and_letters_that_the_font_lacks_stay_on_the_page(tmp_path):
    path = drawn(
        tmp_path,
        practice="Centrum Diagnostyki Obrazowej Łódź " * 5,
        page=f"https://{'very-' * 40}long.example/l",
    )
    text = subprocess.run(
        ["pdftotext", path, "-"], check=True, capture_output=True, text=True
    ).stdout
    assert "Lódz" in text.replace("\u017a", "z")
    assert "What to do" in text
    assert "Whoever has this sheet" in text
