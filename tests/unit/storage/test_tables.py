"""What no code path may undo, the tables refuse by themselves."""

import sqlite3

import pytest

from support import samples
from support.consents import TEXT, consent, visit


@pytest.fixture
def raw(catalog, tmp_path):
    """A connection behind the back of our code, on rows of every guarded kind."""
    with catalog.change() as records:
        records.studies.put(samples.study())
        records.studies.put_pack(samples.pack(samples.study()))
        records.grants.add(samples.grant())
        records.grants.add(samples.grant("living"))
        records.grants.revoke(samples.grant().id, 77)
        records.shares.add(samples.share())
        records.shares.revoke(samples.share().id, 77)
        records.consents.add_text(TEXT)
        records.consents.add(consent())
        records.consents.withdraw(consent().id, 77, "anna", "")
        records.visits.put(visit(consent(), closed_ms=77))
        for number in range(3):
            records.log.append(b"event %d" % number, bytes(32))
    # As an administrator's shell would: foreign keys and recursive triggers are off there.
    connection = sqlite3.connect(tmp_path / "catalog.sqlite3", isolation_level=None)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE grants SET revoked_ms = NULL",
        "UPDATE grants SET revoked_ms = 99 WHERE revoked_ms IS NOT NULL",
        "UPDATE grants SET basis = 'patient'",
        "UPDATE grants SET expires = expires + 1",
        "UPDATE grants SET token = x'00', revoked_ms = 5 WHERE revoked_ms IS NULL",
        "UPDATE grants SET basis = 'friend' WHERE revoked_ms IS NULL",
        "DELETE FROM grants",
        "UPDATE shares SET revoked_ms = NULL",
        "UPDATE shares SET series = x''",
        "UPDATE shares SET grant_id = (SELECT id FROM grants WHERE revoked_ms IS NULL)",
        "DELETE FROM shares",
        "UPDATE log SET event = x'00' WHERE number = 1",
        "UPDATE log SET salt = x'' WHERE number = 1",
        "UPDATE log SET leaf = zeroblob(32) WHERE number = 1",
        "UPDATE log SET number = 9 WHERE number = 2",
        "DELETE FROM log WHERE number = 2",
        "INSERT INTO log VALUES (4, zeroblob(32), x'00', zeroblob(32))",
        "INSERT INTO log VALUES (1, zeroblob(32), x'00', zeroblob(32))",
        "UPDATE log_head SET size = 0, nodes = x''",
        "UPDATE log_head SET size = 4, origin = zeroblob(16)",
        "UPDATE log_head SET nodes = x'', origin = zeroblob(16)",
        "DELETE FROM log_head",
        "INSERT INTO log_head VALUES (2, zeroblob(16), 0, x'')",
        "UPDATE studies SET state = 'lost'",
        "UPDATE studies SET instances = 'many'",
        "UPDATE packs SET index_at = length",
        "UPDATE packs SET length = 0",
        "UPDATE consents SET withdrawn_ms = NULL",
        "UPDATE consents SET withdrawn_why = 'they said so'",
        "UPDATE consents SET record = x'00'",
        "UPDATE consents SET patient_id = 'P-2'",
        "DELETE FROM consents",
        "UPDATE consent_texts SET text = 'may we do anything?'",
        "DELETE FROM consent_texts",
        "UPDATE visits SET closed_ms = NULL",
    ],
)
def test_the_tables_refuse(raw, attack):
    """Each statement is refused, whoever sends it."""
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(attack)


def test_a_revoked_grant_is_not_replaced_by_a_living_one(raw):
    """INSERT OR REPLACE deletes the old row; with our settings the trigger sees that."""
    raw.execute("PRAGMA recursive_triggers = ON")
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        raw.execute(
            "INSERT OR REPLACE INTO grants SELECT id, token, study, audience, command, basis,"
            " staff, purpose, expires, created_ms, NULL FROM grants WHERE revoked_ms IS NOT NULL"
        )


def test_our_connections_see_replaced_rows(catalog):
    """The setting that the test above relies on is on."""
    assert catalog._writer.execute("PRAGMA recursive_triggers").fetchone() == (1,)


def test_a_log_line_can_be_erased_and_keeps_its_leaf(raw, catalog):
    """Event and salt go together; the tree is as before; nothing can be put back."""
    with catalog.look() as records:
        before = records.log.frontier()
        leaf = records.log.list()[1].leaf
    raw.execute("UPDATE log SET event = x'', salt = x'' WHERE number = 1")
    with catalog.look() as records:
        row = records.log.list()[1]
        assert (row.event, row.salt, row.leaf) == (b"", b"", leaf)
        assert records.log.frontier() == before
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute("UPDATE log SET event = x'01', salt = zeroblob(32) WHERE number = 1")
