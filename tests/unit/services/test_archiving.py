"""Archives are described once, and badly described ones are refused."""

import pytest

from support.memory_archive import MemoryArchives
from undisc_node.services.archive_model import Retrieve
from undisc_node.services.archiving import Archiving, PacsWish
from undisc_node.services.errors import Conflict, Invalid, NotFound, Unavailable

DIMSE = PacsWish(name="main", dimse="ORTHANC@10.1.2.3:4242")


@pytest.fixture
def archives():
    return MemoryArchives()


@pytest.fixture
def archiving(alone, archives):
    return Archiving(
        catalog=alone.catalog,
        archives=archives,
        journal=alone.journal,
        clock=alone.clock,
        ae_title="UNDISC",
    )


def test_what_is_not_said_is_as_usual(archiving, alone):
    added = archiving.add(DIMSE, "admin")

    assert (added.ae_title, added.host, added.port) == ("ORTHANC", "10.1.2.3", 4242)
    assert (added.calling_ae, added.retrieve) == ("UNDISC", Retrieve.MOVE)
    assert archiving.list() == [added]
    assert alone.kinds() == ["pacs.added"]


def test_dicomweb_is_retrieved_by_wado(archiving):
    added = archiving.add(PacsWish(name="web", url="https://pacs.example/dicom-web/"), "admin")

    assert (added.url, added.retrieve) == ("https://pacs.example/dicom-web", Retrieve.WADO)
    assert added.speaks_web


@pytest.mark.parametrize(
    "wish",
    [
        PacsWish(name="../x", dimse="A@b:1"),
        PacsWish(name="main"),
        PacsWish(name="main", dimse="A@b:1", url="https://x"),
        PacsWish(name="main", dimse="b:1"),
        PacsWish(name="main", dimse="A@b:0"),
        PacsWish(name="main", dimse="A@b:65536"),
        PacsWish(name="main", dimse="A_TITLE_THAT_IS_LONG@b:1"),
        PacsWish(name="main", dimse="A\\B@b:1"),
        PacsWish(name="main", dimse="A@b:1", retrieve=Retrieve.WADO),
        PacsWish(name="main", url="https://x", retrieve=Retrieve.MOVE),
        PacsWish(name="main", dimse="A@b:1", credentials="/etc/pw"),
        PacsWish(name="main", dimse="A@b:1", issuer="a\\b"),
    ],
)
def test_what_makes_no_sense_is_refused(archiving, wish):
    with pytest.raises(Invalid):
        archiving.add(wish, "admin")
    assert archiving.list() == []


def test_a_name_is_used_once(archiving):
    archiving.add(DIMSE, "admin")

    with pytest.raises(Conflict, match="already"):
        archiving.add(DIMSE, "admin")


def test_the_only_archive_needs_no_name(archiving):
    with pytest.raises(NotFound) as none:
        archiving.find()
    archiving.add(DIMSE, "admin")
    assert archiving.find().name == "main"
    archiving.add(PacsWish(name="second", dimse="B@10.1.2.4:104"), "admin")
    with pytest.raises(Conflict) as several:
        archiving.find()
    with pytest.raises(NotFound):
        archiving.find("third")

    assert "undisc pacs add" in none.value.hint
    assert several.value.hint == "name one of: main, second"


def test_an_archive_that_does_not_answer_is_named(archiving, archives):
    archiving.add(DIMSE, "admin")
    assert archiving.echo("main").name == "main"
    archives.at("main").problem = Unavailable("it does not answer")

    with pytest.raises(Unavailable):
        archiving.echo("main")


def test_a_removed_archive_is_gone(archiving, alone):
    archiving.add(DIMSE, "admin")
    archiving.remove("main", "admin")

    assert archiving.list() == []
    assert alone.kinds() == ["pacs.added", "pacs.removed"]
