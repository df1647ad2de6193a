"""A node's key is replaced at the administrator's word, whatever interrupts it."""

import shutil
import stat

import pytest

from support import samples
from support.clock import FakeClock, SeededEntropy
from support.dying import dies_at
from support.memory_catalog import MemoryCatalog
from undisc_node.config import load
from undisc_node.founding import found, read_kit
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, Refused, Unavailable
from undisc_node.services.model import RestoredBy
from undisc_node.storage import home as homes
from undisc_node.storage import key_change
from undisc_node.succession.ceremony import KeyCeremony
from undisc_node.wiring import own_identity
from undisc_protocol.identity import commitment, read_identity, read_identity_record
from undisc_protocol.keys import SignKey
from undisc_protocol.log import Event

OLD, NEW = "the first passphrase", "the second passphrase"
MOST_ACTS = 100  # far more than a change has


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A node and its kit, as `init` leaves them."""
    place = tmp_path_factory.mktemp("made")
    found(
        place / "home",
        name="Practice Ring",
        urls=(),
        demo=True,
        kit_path=place / "kit.txt",
        passphrase=OLD,
    )
    return place


class House:
    """A home with its ceremony, which can be started again."""

    def __init__(self, place):
        self.home, self.kit = place / "home", (place / "kit.txt").read_bytes()
        self.catalog, self.clock, self.entropy = MemoryCatalog(), FakeClock(), SeededEntropy()
        self.renewed = 0
        self.start()

    def start(self):
        key_change.finish(self.home)
        keys = homes.read_home(self.home)
        self.own = own_identity(load(self.home, {}), keys)
        self.ceremony = KeyCeremony(
            home=self.home,
            own=self.own,
            catalog=self.catalog,
            journal=Journal(clock=self.clock, entropy=self.entropy),
            clock=self.clock,
            entropy=self.entropy,
            drill_days=180,
            draw=lambda page: b"%PDF of " + page.encode(),
            renew=self.renew,
        )

    def renew(self):
        self.renewed += 1

    def begin(self, passphrase=NEW):
        return self.ceremony.begin(self.kit, OLD, passphrase, pdf=False)

    def confirm(self, page, passphrase=NEW, *, theft=False):
        return self.ceremony.confirm(
            self.kit, OLD, page.encode(), passphrase, theft=theft, actor="anna"
        )

    def kinds(self):
        with self.catalog.look() as records:
            return [Event.decode(row.event).type for row in records.log.list()]


@pytest.fixture
def house(made, tmp_path):
    return House(shutil.copytree(made, tmp_path / "copy"))


def test_the_new_kit_comes_first_and_then_the_key(house):
    begun = house.begin()
    assert (begun.number, begun.resumed) == (1, False)
    assert homes.read_home(house.home).records == house.own.identity.records
    assert house.ceremony.status().begun
    changed = house.confirm(begun.kit)
    assert (changed.number, changed.suspended, house.renewed) == (1, 0, 1)
    read = homes.read_home(house.home)
    assert SignKey.from_seed(read.node_seed).did == read_identity(read.records).key == changed.did
    house.start()
    status = house.ceremony.status()
    assert (status.number, status.kit_fits, status.drill_due, status.begun) == (
        1,
        True,
        False,
        False,
    )
    assert house.kinds() == ["node.key_asked"]
    assert not homes.loose_key_files(house.home)
    assert stat.S_IMODE((house.home / "keys" / "node-key").stat().st_mode) == 0o600


def test_after_a_theft_everything_that_rests_on_the_keys_waits(house):
    """What is stopped is stopped before the key is changed: a power cut in between leaves it so."""
    study = samples.study()
    grant = samples.grant(study=study.id)
    with house.catalog.change() as records:
        records.studies.put(study)
        records.grants.add(grant)
    changed = house.confirm(house.begin().kit, theft=True)
    assert changed.suspended == 1
    with house.catalog.look() as records:
        assert records.restored.is_suspended(grant.id)
        assert records.restored.latest().how is RestoredBy.THEFT
    assert house.kinds() == ["node.stolen", "node.key_asked"]


def test_nothing_changes_before_the_very_kit_is_read_back(house):
    begun = house.begin()
    with pytest.raises(Refused):
        house.confirm(house.kit.decode(), OLD)
    with pytest.raises(Refused):
        house.confirm(begun.kit, "a wrong passphrase")
    with pytest.raises(Invalid):
        house.confirm(begun.kit[: len(begun.kit) // 2])
    assert homes.read_home(house.home).records == house.own.identity.records
    assert house.renewed == 0
    with pytest.raises(Invalid):
        house.begin("short")


def test_it_goes_on_with_the_same_kit_or_begins_again_with_another_passphrase(house):
    """Nobody has seen the record of the first, so the second is no fork."""
    first = house.begin()
    house.start()
    again = house.begin()
    assert (again.kit, again.resumed) == (first.kit, True)
    other = house.begin("another passphrase")
    assert not other.resumed
    with pytest.raises(Refused):
        house.confirm(first.kit)
    house.confirm(other.kit, "another passphrase")


def test_what_waits_holds_no_open_secret(house):
    """A thief of the disk must not find the next key there before it is the key."""
    house.begin()
    seed = read_kit(house.home.parent / "kit.txt", OLD).recovery_seed
    for path in (house.home / "keys").iterdir():
        assert seed.hex() not in path.read_text("ascii", "replace"), path.name
        assert seed not in path.read_bytes(), path.name


def test_after_the_change_the_old_identity_does_nothing_any_more(house):
    """A second record from the same kit would be a fork."""
    page = house.begin().kit
    house.confirm(page)
    with pytest.raises(Unavailable) as refused:
        house.begin()
    assert refused.value.reason == "key_changing"
    house.start()
    with pytest.raises(Refused) as refused:
        house.begin()
    assert refused.value.reason == "kit_used"
    with pytest.raises(Conflict):
        house.confirm(page)


def test_a_drill_changes_nothing_but_its_date(house):
    assert house.ceremony.status().drill_due
    before = {path: path.read_bytes() for path in house.home.rglob("*key*") if path.is_file()}
    status = house.ceremony.drill(house.kit, OLD, "anna")
    assert (status.kit_fits, status.drill_due) == (True, False)
    assert status.drilled == house.clock.now_ms() // 1000
    assert {path: path.read_bytes() for path in before} == before
    assert house.kinds() == ["node.kit_drilled"]
    house.clock.advance(181 * 86_400)
    assert house.ceremony.status().drill_due
    with pytest.raises(Refused):
        house.ceremony.drill(house.kit, "a wrong passphrase", "anna")


def test_the_note_of_an_older_version_counts_until_the_key_is_replaced(house):
    (house.home / "keys" / homes.KIT_VERIFIED).write_text("2026-11-24T05:31:23Z\n")
    assert house.ceremony.status().kit_fits
    first = house.own.identity.records[0]
    assert key_change.drilled(house.home, first).at == 1_795_498_283


def test_killed_at_every_act_the_home_is_the_old_node_or_the_next_one(house, made, tmp_path):
    """Whatever happens there is one node key, it fits the records, and one kit is good."""
    begun = house.begin()
    record = key_change.staged(house.home).record
    seed = read_kit(made / "kit.txt", OLD).recovery_seed
    outcomes = set()
    for number in range(1, MOST_ACTS):
        home = shutil.copytree(house.home, tmp_path / f"home-{number}")
        died = dies_at(
            number, lambda home=home: key_change.commit(home, node_seed=seed, record=record)
        )
        for finished in (False, True):
            read = homes.read_home(home)
            identity = read_identity(read.records)
            assert SignKey.from_seed(read.node_seed).did == identity.key
            if not finished:
                before = identity.number
                key_change.finish(home)
        assert identity.number == before
        outcomes.add(before)
        waiting = key_change.staged(home)
        assert (waiting is None) == (before == 1)
        if before == 0:
            assert waiting.kit == begun.kit
            assert not (home / "keys" / homes.NEXT_KEY).exists()
        left = read_identity_record(read.records[-1]).next_hash
        assert (left == commitment(SignKey.from_seed(seed))) == (before == 0)
        if not died:
            break
    else:
        raise AssertionError("it never ended")
    assert outcomes == {0, 1}
