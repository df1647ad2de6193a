"""The log: every line is known, nothing can be changed unnoticed, and no patient is named."""

import ast
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from support import samples
from support.memory_reader import JANE, JOHN, instance
from undisc_node.services import auditing
from undisc_node.services.auditing import KINDS
from undisc_node.services.errors import Damaged
from undisc_node.services.message_rows import MessageState
from undisc_node.services.model import PeerState
from undisc_protocol.log import leaf_hash
from undisc_protocol.tree import Frontier

SOURCES = Path(auditing.__file__).parents[1]


@pytest.fixture
def logged(alone):
    """A practice with seven lines in its log."""
    for number in range(7):
        alone.store(instance(study_uid=f"1.2.{number}"))
    return alone


def lines(practice):
    return practice.catalog._tables.log


def damaged_line(practice):
    with pytest.raises(Damaged) as found:
        practice.auditing.verify()
    assert found.value.reason == "log_damaged"
    return str(found.value)


# --- Verification ---------------------------------------------------------------------------------


def test_an_untouched_log_verifies(logged):
    with logged.catalog.look() as records:
        tree = records.log.frontier()
    verified = logged.auditing.verify()
    assert (verified.size, verified.erased) == (7, 0)
    assert (verified.origin, verified.root) == (tree.origin, tree.root())


def test_an_empty_log_verifies(alone):
    assert alone.auditing.verify().size == 0


def test_a_long_log_verifies(alone):
    """More lines than are read at once."""
    with alone.catalog.change() as records:
        for _ in range(2_001):
            alone.journal.note(records, "node.started", who=auditing.user("undisc-node"))
    assert alone.auditing.verify().size == 2_001


def test_a_log_that_grows_meanwhile_verifies_as_it_was(alone, monkeypatch):
    """What is written while a view is open cannot leave the write-ahead log, so a view is short."""
    monkeypatch.setattr(auditing, "_PAGE", 2)
    for number in range(7):
        alone.store(instance(study_uid=f"1.2.{number}"))
    look, looks = alone.catalog.look, []

    @contextmanager
    def look_and_go_on():
        with look() as records:
            yield records
        looks.append(1)
        with alone.catalog.change() as records:
            alone.journal.note(records, "node.started", who=auditing.user("undisc-node"))

    alone.catalog.look = look_and_go_on
    assert alone.auditing.verify().size == 7
    assert len(looks) == 1 + 4
    alone.catalog.look = look
    assert alone.auditing.verify().size == 7 + 5


def test_an_erased_line_keeps_its_leaf(logged):
    """A person's data is erased: event and salt go, and the log still adds up."""
    lines(logged)[3] = replace(lines(logged)[3], event=b"", salt=b"")
    assert logged.auditing.verify().erased == 1
    listed = logged.auditing.list(-1, 100)
    assert [number for number, event in listed if event is None] == [3]


@pytest.mark.parametrize("number", [0, 3, 6])
def test_a_changed_event_is_found(logged, number):
    row = lines(logged)[number]
    lines(logged)[number] = replace(row, event=row.event.replace(b"CT1", b"CT9"))
    assert damaged_line(logged) == f"line {number} of the log was changed"


@pytest.mark.parametrize("missing", ["event", "salt"])
def test_half_an_erasure_is_a_change(logged, missing):
    """An event without its salt could be anything."""
    lines(logged)[3] = replace(lines(logged)[3], **{missing: b""})
    assert "line 3" in damaged_line(logged)


def test_a_rewritten_line_with_a_fitting_leaf_is_found(logged):
    """Attack: event, salt and leaf are made anew; only the tree's head knows better."""
    row = lines(logged)[3]
    event = row.event.replace(b"CT1", b"CT9")
    lines(logged)[3] = replace(row, event=event, leaf=leaf_hash(row.salt, event))
    assert "do not add up" in damaged_line(logged)


def test_swapped_lines_are_found(logged):
    log = lines(logged)
    log[2], log[4] = replace(log[4], number=2), replace(log[2], number=4)
    assert "do not add up" in damaged_line(logged)


@pytest.mark.parametrize("number", [0, 3])
def test_a_missing_line_is_found(logged, number):
    del lines(logged)[number]
    assert damaged_line(logged) == f"line {number} of the log is missing"


def test_a_cut_end_is_found(logged):
    del lines(logged)[5:]
    assert damaged_line(logged) == "line 5 of the log is missing"


def test_an_added_line_is_found(logged):
    lines(logged).append(replace(lines(logged)[6], number=7))
    assert damaged_line(logged) == "line 7 of the log was added outside the log"


def test_another_head_is_found(logged):
    tables = logged.catalog._tables
    nodes = (bytes(32), *tables.frontier.nodes[1:])
    tables.frontier = Frontier(tables.frontier.origin, 7, nodes)
    assert "do not add up" in damaged_line(logged)


# --- Reading --------------------------------------------------------------------------------------


def test_lines_are_listed_oldest_first(logged):
    def numbers(after, limit):
        return [number for number, _ in logged.auditing.list(after, limit)]

    assert numbers(-1, 3) == [4, 5, 6]
    assert numbers(-1, 100) == list(range(7))
    assert numbers(0, 3) == [1, 2, 3]
    assert numbers(5, 3) == [6]
    assert numbers(6, 3) == []


def test_a_line_that_is_no_event_any_more_is_damage_and_not_a_mistake_of_the_reader(logged):
    lines(logged)[3] = replace(lines(logged)[3], event=b"noise")
    with pytest.raises(Damaged) as found:
        logged.auditing.list(-1, 100)
    assert "line 3" in str(found.value)


# --- What is written ------------------------------------------------------------------------------


def noted_kinds():
    """Yield the kind of every `note` in the source: a text, or a text with a part filled in."""
    for path in sorted(SOURCES.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
            if name in ("note", "begin", "_log_event") or name.startswith(("_note", "note_")):
                yield from (one for one in ast.walk(call) if _is_kind(one))


def kinds_given_a_name():
    """Return kinds that the source puts into a variable or constant, to note them by that name."""
    return {
        one.value
        for path in sorted(SOURCES.rglob("*.py"))
        for line in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None
        for one in _values_of(line.value)
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value in KINDS
    }


def _values_of(value):
    if isinstance(value, ast.Dict):
        return value.values
    return (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)


def _is_kind(node):
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value in KINDS
    fixed = {part.value for part in getattr(node, "values", ()) if isinstance(part, ast.Constant)}
    return isinstance(node, ast.JoinedStr) and fixed <= FILLED_IN.keys()


FILLED_IN = {
    "study.": {"held", "withdrawn"},
    "peer.": {state.value for state in PeerState} - {"pending"},
    "instance.": {"superseded", "waiting"},
    ".revoked": {"grant", "share"},
    "message.": {state.value for state in MessageState} - {"sending", "handing"},
}


def test_every_line_that_is_written_has_a_known_kind():
    """And every kind that is known is written somewhere."""
    written = kinds_given_a_name()
    for node in noted_kinds():
        if isinstance(node, ast.Constant):
            written.add(node.value)
            continue
        (fixed,) = [part.value for part in node.values if isinstance(part, ast.Constant)]
        for word in FILLED_IN[fixed]:
            written.add(fixed + word if fixed.endswith(".") else word + fixed)
    assert written == set(KINDS)


def test_a_line_of_an_unknown_kind_is_not_written(alone):
    with pytest.raises(KeyError), alone.catalog.change() as records:
        alone.journal.note(records, "study.painted", who=auditing.user("alice"))
    assert alone.kinds() == []


def test_no_line_names_a_patient(pair):
    """Everything that can happen happens; names, birth dates and texts stay out of the log."""
    holder, asker = pair
    facts = {"accession": "A-SECRET", "description": "CT of a SECRET", "study_date": "20261124"}
    holder.store(instance(1, **facts))
    holder.store(instance(1, version="corrected", **facts))
    holder.store(instance(2, patient=JOHN, **facts))
    study = holder.study().id
    holder.settling.resolve(study, accept=True, actor="alice")
    holder.store(instance(1, version="other", **facts), "dicom:CT2")
    holder.settling.resolve(study, accept=False, actor="alice")
    holder.studies.hold(study, "why", "alice")
    holder.studies.release(study, "alice")
    holder.settling.settle(study, "alice")
    grant, link = holder.grant(study, asker), holder.grant(study, None)
    share = holder.share(link, asker)
    asker.bring(share.offer)
    holder.revoking.share(share.share.id, "alice")
    asker.bring(share.offer)
    holder.revoking.grant(grant.grant.id, "alice")
    holder.studies.withdraw(study, "why", "alice")
    asker.bring(link.offer or grant.offer)
    holder.studies.delete(study, "alice")
    for practice in pair:
        with practice.catalog.look() as records:
            log = b"".join(row.event for row in records.log.list())
        assert len(practice.kinds()) > 3
        for text in ("Doe", "Jane", "Roe", "John", "SECRET", JANE.birth_date, JOHN.birth_date):
            assert text.encode() not in log


def test_a_study_without_patient_id_names_no_patient():
    assert [one.idtype for one in auditing.about_study(samples.study(patient=JANE))] == [
        "study",
        "110180",
        "2",
    ]
    bare = samples.study(patient=replace(JANE, id=""))
    assert [one.idtype for one in auditing.about_study(bare)] == ["study", "110180"]


def test_refusals_are_counted_by_code(alone):
    for body in (b"", b"noise"):
        alone.answer(body)
    assert alone.refusals.counts() == {"cannot_open": 2}
    assert alone.kinds() == []
