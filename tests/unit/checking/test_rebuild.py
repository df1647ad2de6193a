"""A catalog that is lost or damaged is made again from the packs; strays are taken in."""

import shutil

import pytest

from support import samples
from support.clock import SeededEntropy
from support.stored_home import WRAPPING_KEY, StoredHome, make_home
from support.studies_on_disk import make_study
from undisc_node.clocks import SystemClock
from undisc_node.services.deciding import HOLD_IDENTITY
from undisc_node.services.errors import Conflict
from undisc_node.services.model import PackRole, RestoredBy, StudyState
from undisc_node.services.sender_model import Caller, SenderState
from undisc_node.storage.checking.subset import Subset
from undisc_node.storage.rebuilding.rebuild import Rebuilding, needs_new_catalog

CATALOG = "catalog.sqlite3"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Settled, growing, corrected; one that waits for a sender, one that waits for an identity."""
    home = make_home(tmp_path_factory.mktemp("original") / "home")
    with home.node() as node:
        settled = home.store(node, make_study(1, [900, 70_000, 0]))
        home.store(node, make_study(1, [950]))  # a correction
        node.admin.settling.settle(settled, "")
        home.store(node, make_study(2, [5, 6]))  # still growing
        home.store(node, make_study(3, [100, 200]))
        home.store(node, make_study(3, [101]), sender="dicom:MR1")  # another sender: waits
        home.store(node, make_study(4, [300]))
        home.store(node, another_patient(4))  # held
    return home


def test_what_was_in_quarantine_is_not_let_in_by_a_rebuild(tmp_path):
    """Its rows are lost; the name beside its sealed objects says that nobody knew the sender."""
    home = make_home(tmp_path / "home")
    with home.node() as node:
        caller = Caller("MR@10.9.9.9", SenderState.PENDING, "10.9.9.9", "MR")
        for one in make_study(5, [30, 40]).instances:
            node.receiving.quarantine(samples.BytesSource(one.file), caller)
    (home.path / CATALOG).unlink()
    work(home).make_anew()
    with home.node() as node, node.catalog.look() as records:
        (kept,) = records.senders.quarantined()
        assert (kept.sender, kept.objects) == (caller.name, 2)
        assert records.studies.get(kept.study).state is StudyState.HELD
        assert records.studies.list() == []


def another_patient(number):
    """Return an instance that claims to belong to a study of somebody else."""
    made = make_study(number, [1, 301])
    [_, other] = made.instances
    its_id = b"\x10\x00\x20\x00\x02\x00\x00\x00"  # (0010,0020), implicit VR little endian
    wrong = other.data_set.replace(its_id + b"4 ", its_id + b"99")
    assert wrong != other.data_set
    return type(made)(made.uid, [type(other)(other.sop_uid, wrong)])


@pytest.fixture
def home(original, tmp_path):
    """A copy of the home, to be damaged."""
    return StoredHome(shutil.copytree(original.path, tmp_path / "home"))


def work(home):
    return Rebuilding(
        home.path,
        key_encryption_key=WRAPPING_KEY,
        clock=SystemClock(),
        entropy=SeededEntropy("rebuild"),
    )


def everything(home):
    """Return studies by UID and, by UID, the bytes of what is current, superseded and waiting."""
    with home.node() as node, node.catalog.look() as records:
        studies = {study.uid: study for study in records.studies.list()}
        inside = {}
        for uid, study in studies.items():
            contents = node.admin.studies._contents.of(records, study.id)
            inside[uid] = [
                sorted(b"".join(node.packs.read(one.pack, one.stored)) for one in part)
                for part in (contents.current.values(), contents.superseded, contents.waiting)
            ]
    return studies, inside


def sql(home, *statements):
    with home.node() as node, node.catalog.change() as records:
        for statement in statements:
            records.studies._session.write(statement)


def comparable(study):
    """Return what a rebuild must bring back of a row, whatever waits in the study."""
    return (
        study.id,
        study.uid,
        study.patient,
        study.sender,
        study.instances,
        study.size,
        study.waiting,
        study.modalities,
        study.created_ms,
        study.arrived_ms,
        study.settled_ms is None,
    )


def test_a_lost_catalog_comes_back_with_every_byte_where_it_was(home):
    """Current, superseded and waiting: nothing changes its place, only that what waits is held."""
    studies, inside = everything(home)
    for path in home.path.glob(f"{CATALOG}*"):
        path.unlink()
    assert needs_new_catalog(home.path)
    outcome = work(home).make_anew()
    assert (outcome.studies, outcome.packs, outcome.held) == (4, 6, 2)
    assert (outcome.problems, outcome.kept) == ((), "")
    again, inside_again = everything(home)
    assert inside_again == inside
    assert {uid: comparable(study) for uid, study in again.items()} == {
        uid: comparable(study) for uid, study in studies.items()
    }
    assert all(study.kept for study in again.values())
    for study in again.values():
        held = (StudyState.HELD, HOLD_IDENTITY) if study.waiting else (StudyState.ACTIVE, "")
        assert (study.state, study.reason) == held
    assert home.codes(Subset()) == []


def test_a_rebuilt_node_is_in_restored_mode_with_a_new_log(home):
    """No grant is left, so everything is refused; the log says what happened."""
    with home.node() as node, node.catalog.look() as records:
        old = records.log.frontier().origin
    (home.path / CATALOG).unlink()
    work(home).make_anew()
    with home.node() as node:
        with node.catalog.look() as records:
            restored = records.restored.latest()
            assert (restored.how, restored.confirmed_ms) == (RestoredBy.REBUILD, None)
            assert records.grants.list() == []
            assert records.log.frontier().origin != old
        kinds = [event.type for _, event in node.admin.auditing.list(-1, 100)]
        assert kinds[0] == "node.restored"
        assert kinds.count("study.rebuilt") == 4
        node.admin.auditing.verify()


def test_a_damaged_catalog_is_kept_and_what_it_still_says_is_believed(home):
    """A withdrawn study stays withdrawn, and an erased pack stays erased."""
    sql(home, "UPDATE studies SET state = 'withdrawn', reason = 'wrong side' WHERE uid LIKE '%.2'")
    with home.node() as node:
        with node.catalog.look() as records:
            [gone] = [one for one in records.studies.list() if one.uid.endswith(".1")]
            [pack] = records.studies.packs(gone.id)
        with node.catalog.change() as records:
            records.studies.remove(gone.id, 1)  # a crash came before key and file were gone
    outcome = work(home).make_anew()
    assert (home.path / outcome.kept).exists()
    assert outcome.kept.startswith(f"{CATALOG}.damaged-")
    studies, _ = everything(home)
    assert {uid[-1] for uid in studies} == {"2", "3", "4"}
    [withdrawn] = [study for uid, study in studies.items() if uid.endswith(".2")]
    assert (withdrawn.state, withdrawn.reason) == (StudyState.WITHDRAWN, "wrong side")
    with home.node() as node, node.catalog.look() as records:
        assert pack.id in records.studies.tombstones()


def test_a_catalog_with_a_broken_page_is_noticed_and_made_again(home):
    _, inside = everything(home)
    path = home.path / CATALOG
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(bytes(4096 * 3))
    assert needs_new_catalog(home.path)
    work(home).make_anew()
    assert everything(home)[1] == inside
    assert home.codes(Subset()) == []


def test_a_catalog_of_another_version_is_never_replaced(home):
    sql(home, "UPDATE _sqlite_migrations SET name = 'm9999' WHERE name LIKE 'm0005%'")
    with pytest.raises(Conflict):
        needs_new_catalog(home.path)


def test_strays_are_taken_in_and_grants_stay(home):
    """Two studies lost their rows, a third lost one pack; what is known already is untouched."""
    _, inside = everything(home)
    sql(
        home,
        "DELETE FROM packs WHERE study IN (SELECT id FROM studies WHERE uid LIKE '%.1')",
        "DELETE FROM studies WHERE uid LIKE '%.1'",
        "UPDATE studies SET waiting = 0 WHERE uid LIKE '%.4'",
        "DELETE FROM packs WHERE role = 'waiting'"
        " AND study IN (SELECT id FROM studies WHERE uid LIKE '%.4')",
    )
    with home.node() as node, node.catalog.change() as records:
        records.grants.add(samples.grant())
    assert not needs_new_catalog(home.path)
    assert home.codes() == ["stray", "stray"]
    outcome = work(home).adopt()
    assert (outcome.studies, outcome.packs, outcome.problems) == (2, 2, ())
    assert everything(home)[1] == inside
    assert home.codes(Subset()) == []
    with home.node() as node, node.catalog.look() as records:
        assert [grant.id for grant in records.grants.list()] == [samples.grant().id]
        assert records.restored.latest() is None
    assert work(home).adopt().packs == 0


def test_an_append_that_a_crash_cut_off_is_left_out_and_the_rest_comes_back(home):
    """No row says where the committed bytes end; an object that does not verify was never told."""
    _, inside = everything(home)
    with home.node() as node, node.catalog.look() as records:
        [study] = [one for one in records.studies.list() if one.uid.endswith(".2")]
        [pack] = records.studies.packs(study.id)
        node.packs.append(pack, [samples.draft(b"never acknowledged" * 100, 7)])
    path = home.pack(pack.id)
    content = path.read_bytes()
    path.write_bytes(content[:-500] + bytes(500))
    (home.path / CATALOG).unlink()
    outcome = work(home).make_anew()
    assert [problem.code for problem in outcome.problems] == ["end_left_out"]
    assert everything(home)[1] == inside
    assert path.stat().st_size == len(content)


def test_an_index_stands_in_for_a_damaged_header(home):
    """The study was settled: its index has every header again."""
    _, inside = everything(home)
    with home.node() as node, node.catalog.look() as records:
        [study] = [one for one in records.studies.list() if one.uid.endswith(".1")]
        [pack] = records.studies.packs(study.id)
        second = node.packs.objects(pack)[1]
    with home.pack(pack.id).open("r+b") as file:
        file.seek(second.extent_at - 40)
        file.write(bytes(8))
    (home.path / CATALOG).unlink()
    outcome = work(home).make_anew()
    assert [problem.code for problem in outcome.problems] == ["header_damaged"]
    assert everything(home)[1] == inside


def test_what_cannot_be_opened_stays_where_it_is(home):
    """A pack without a key and one with a damaged start: told, kept, and no start erases them."""
    with home.node() as node, node.catalog.look() as records:
        packs = [pack for pack in records.studies.all_packs() if pack.role is PackRole.MAIN][:2]
        node.packs._keyring.destroy(packs[0].id)
    with home.pack(packs[1].id).open("r+b") as file:
        file.seek(40)
        file.write(b"????")
    (home.path / CATALOG).unlink()
    outcome = work(home).make_anew()
    told = [problem.pack for problem in outcome.problems if problem.code == "pack_not_taken"]
    assert sorted(told) == sorted(pack.id for pack in packs)
    with home.node() as node:
        assert packs[1].id not in node.packs.unfinished()
    assert all(home.pack(pack.id).exists() for pack in packs)


def test_a_pack_that_waits_is_never_taken_for_a_study_of_its_own(home):
    """The study's own pack is lost: what waited, perhaps of another patient, still waits."""
    with home.node() as node, node.catalog.look() as records:
        [study] = [one for one in records.studies.list() if one.uid.endswith(".4")]
        [own] = records.studies.packs(study.id)
    home.pack(own.id).unlink()
    (home.path / CATALOG).unlink()
    work(home).make_anew()
    again = everything(home)[0][study.uid]
    assert (again.instances, again.waiting, again.state) == (0, 1, StudyState.HELD)
