"""Studies and packs come back as they were put, and are found by what a person types."""

from dataclasses import replace

import pytest

from support import samples
from undisc_node.services.errors import Conflict
from undisc_node.services.model import PackRole, Patient, StudyState


def test_a_study_comes_back_whole(catalog):
    """Every field survives, also None and text outside ASCII."""
    study = samples.study(
        patient=Patient("Müller^Jürgen=山田^太郎", "P'1; DROP TABLE studies", "", "", ""),
        settled_ms=None,
        modalities=(),
        size=2**52,
    )
    with catalog.change() as records:
        records.studies.put(study)
    with catalog.look() as records:
        assert records.studies.get(study.id) == study
        assert records.studies.find_uid(study.uid) == study


def test_put_replaces_and_keeps_the_packs(catalog):
    """A study that grows keeps its pack rows."""
    study = samples.study()
    with catalog.change() as records:
        records.studies.put(study)
        records.studies.put_pack(samples.pack(study))
    grown = replace(study, instances=3, state=StudyState.HELD, reason="wrong patient")
    with catalog.change() as records:
        records.studies.put(grown)
    with catalog.look() as records:
        assert records.studies.get(study.id) == grown
        assert records.studies.packs(study.id) == [samples.pack(study)]


def test_one_uid_one_study(catalog):
    """A second study under the same Study Instance UID is refused."""
    with catalog.change() as records:
        records.studies.put(samples.study())
    with catalog.change() as records, pytest.raises(Conflict):
        records.studies.put(samples.study("other", uid=samples.study().uid))


def test_list_is_newest_first_and_paged(catalog):
    """Five studies in two pages, latest arrival first; equal times keep a stable order."""
    with catalog.change() as records:
        for number, at_ms in enumerate((10, 30, 20, 20, 5)):
            records.studies.put(samples.study(f"s{number}", arrived_ms=at_ms))
    with catalog.look() as records:
        pages = [*records.studies.list(limit=3), *records.studies.list(limit=3, offset=3)]
    wanted = [samples.study(f"s{number}").id for number in (1, 3, 2, 0, 4)]
    assert [study.id for study in pages] == wanted


@pytest.mark.parametrize("text", ["müller", "MÜLLER", "er^jür", "p-4%", "_X", "acc-9", "1.2.3.4"])
def test_a_person_finds_a_study_by_a_piece_of_text(catalog, text):
    """Name, id, accession and UID match in any case; wildcards of SQL are plain characters."""
    wanted = samples.study(
        "wanted",
        uid="1.2.3.4",
        patient=Patient("Müller^Jürgen", "P-4%_x"),
        accession="ACC-9",
    )
    with catalog.change() as records:
        records.studies.put(samples.study("other"))
        records.studies.put(wanted)
    with catalog.look() as records:
        assert records.studies.list(text=text) == [wanted]


def test_a_patient_id_is_matched_whole(catalog):
    """With its case, and together with other conditions; one that begins alike is another."""
    wanted = samples.study("wanted", patient=Patient("Doe^Jane", "P-1"))
    longer = samples.study("longer", patient=Patient("Doe^John", "P-10"))
    with catalog.change() as records:
        for study in (wanted, longer, samples.study("other", patient=Patient("Roe", "p-1"))):
            records.studies.put(study)
    with catalog.look() as records:
        assert records.studies.list(patient="P-1") == [wanted]
        assert records.studies.list(patient="P-10", text="john") == [longer]
        assert records.studies.list(patient="P-1", text="john") == []
        assert records.studies.list(patient="P-1", state=StudyState.HELD) == []


def test_a_changed_name_is_found_and_the_old_one_is_not(catalog):
    """Also when the study is removed."""
    study = samples.study(patient=Patient("Doe^Jane", "P-1"))
    with catalog.change() as records:
        records.studies.put(study)
        records.studies.put(replace(study, patient=Patient("Roe^Jane", "P-1")))
    with catalog.change() as records:
        assert records.studies.list(text="doe^") == []
        assert len(records.studies.list(text="roe^")) == 1
        records.studies.remove(study.id, 5)
        assert records.studies.list(text="roe^") == []


def test_no_match_reaches_across_two_fields(catalog):
    """The end of the name and the start of the id are not one text."""
    with catalog.change() as records:
        records.studies.put(samples.study(patient=Patient("Doe^Jane", "P-100")))
    with catalog.look() as records:
        assert records.studies.list(text="JaneP") == []
        assert records.studies.list(text="nothing like it") == []


def test_list_by_state(catalog):
    """Only held studies when asked for held ones."""
    held = samples.study("held", state=StudyState.HELD)
    with catalog.change() as records:
        records.studies.put(samples.study())
        records.studies.put(held)
    with catalog.look() as records:
        assert records.studies.list(state=StudyState.HELD) == [held]


def test_unsettled_are_the_quiet_ones_that_still_grow(catalog):
    """A settled study and one that had an arrival just now are left out."""
    quiet = samples.study("quiet", settled_ms=None, arrived_ms=100)
    with catalog.change() as records:
        records.studies.put(quiet)
        records.studies.put(samples.study("busy", settled_ms=None, arrived_ms=101))
        records.studies.put(samples.study("settled", arrived_ms=50))
    with catalog.look() as records:
        assert records.studies.unsettled(100) == [quiet]


def test_remove_takes_the_packs_too(catalog):
    """A removed study leaves other studies' packs alone."""
    study, other = samples.study(), samples.study("other")
    with catalog.change() as records:
        for one in (study, other):
            records.studies.put(one)
            records.studies.put_pack(samples.pack(one, f"pack of {one.uid}"))
        records.studies.remove(study.id, 5)
    with catalog.look() as records:
        assert records.studies.get(study.id) is None
        assert [pack.study for pack in records.studies.all_packs()] == [other.id]


def test_packs_by_role_in_order(catalog):
    """Main and waiting packs are told apart; a pack row is replaced by id."""
    study = samples.study()
    main, second = samples.pack(study), samples.pack(study, "second", index_at=3_000)
    waiting = samples.pack(study, "waiting", role=PackRole.WAITING)
    with catalog.change() as records:
        records.studies.put(study)
        for pack in (main, waiting, second):
            records.studies.put_pack(pack)
        records.studies.put_pack(replace(main, length=9_000, index_at=8_000))
    with catalog.change() as records:
        longer = replace(main, length=9_000, index_at=8_000)
        assert records.studies.packs(study.id) == [longer, second]
        assert records.studies.packs(study.id, PackRole.WAITING) == [waiting]
        assert records.studies.all_packs() == [longer, waiting, second]
        records.studies.remove_pack(waiting.id, 5)
        assert records.studies.packs(study.id, PackRole.WAITING) == []


def test_an_id_is_found_by_its_beginning(catalog):
    """Two are enough to know that a beginning is not unique; a full id finds itself."""
    ids = [bytes.fromhex(start).ljust(16, b"\x11") for start in ("ab01", "ab02", "ab0f", "ac00")]
    with catalog.change() as records:
        for number, identifier in enumerate(ids):
            records.studies.put(samples.study(id=identifier, uid=f"1.2.{number}"))
    with catalog.look() as records:
        assert [one.id for one in records.studies.starting("ab0")] == ids[:2]
        assert [one.id for one in records.studies.starting("ab0f")] == [ids[2]]
        assert [one.id for one in records.studies.starting(ids[3].hex())] == [ids[3]]
        assert records.studies.starting("ad") == []


def test_counts_name_every_state(catalog):
    """An empty catalog counts zeros; held, unsettled and waiting studies count in each."""
    with catalog.look() as records:
        assert set(records.studies.counts().values()) == {0}
    with catalog.change() as records:
        records.studies.put(samples.study(id=bytes(16), uid="1.1", settled_ms=1, waiting=0))
        records.studies.put(
            samples.study(
                id=b"\x01" * 16, uid="1.2", settled_ms=None, waiting=2, state=StudyState.HELD
            )
        )
    with catalog.look() as records:
        assert records.studies.counts() == {
            "active": 1,
            "held": 1,
            "withdrawn": 0,
            "unsettled": 1,
            "waiting": 1,
        }


def test_what_grows_keeps_everything_else(catalog):
    """Counts, size, times and lengths follow; a name that somebody else wrote stays."""
    study = samples.study()
    pack = samples.pack(study)
    with catalog.change() as records:
        records.studies.put(study)
        records.studies.put_pack(pack)
    later = {"instances": 7, "size": 99, "waiting": 2, "arrived_ms": 5, "settled_ms": None}
    grown = replace(pack, length=pack.length + 50, index_at=None)
    with catalog.change() as records:
        records.studies.grow(replace(study, description="of another moment", **later), [grown])
    with catalog.look() as records:
        assert records.studies.get(study.id) == replace(study, **later)
        assert records.studies.packs(study.id) == [grown]
        found = records.studies.list(text=study.patient.name)
        assert [one.id for one in found] == [study.id]


def test_only_what_is_there_grows(catalog):
    """A study or pack that was erased meanwhile does not come back by growing."""
    study, other = samples.study(), samples.study("other", uid="1.2.9")
    with catalog.change() as records:
        records.studies.put(study)
    for missing, packs in ((other, []), (study, [samples.pack(study)])):
        with catalog.change() as records, pytest.raises(Conflict):
            records.studies.grow(missing, packs)
    with catalog.look() as records:
        assert records.studies.get(other.id) is None
        assert records.studies.packs(study.id) == []
