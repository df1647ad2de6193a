"""Whatever happens inside a worker, the node lives on and the next piece of work is done."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from support.wild_works import WORKS
from undisc_node.dicom.workers.pool import WorkBounds, WorkerPool
from undisc_node.services.errors import Invalid, Unavailable

MIB = 2**20
BOUNDS = WorkBounds(seconds=20.0, memory=64 * MIB, answer=8 * MIB, at_once=2, waiting_seconds=0.5)


@pytest.fixture(scope="module")
def pool():
    pool = WorkerPool(WORKS, bounds=BOUNDS)
    yield pool
    pool.close()


def refusal(pool, task, request=b"", **limits):
    with pytest.raises(Invalid) as caught:
        pool.run(task, request, **limits)
    assert pool.run("echo", b"alive") == b"alive"
    return caught.value.reason


@pytest.mark.parametrize("request_bytes", [b"", b"x", os.urandom(3 * MIB)])
def test_work_takes_and_gives_bytes(pool, request_bytes):
    assert pool.run("echo", request_bytes) == request_bytes
    assert pool.run("echo", memoryview(request_bytes)) == request_bytes


def test_what_the_work_refuses_is_told_as_it_is(pool):
    with pytest.raises(Invalid) as caught:
        pool.run("refuse", b"123")
    assert (caught.value.reason, str(caught.value)) == ("no_frame", "the frame is not there")
    assert caught.value.hint == "try 3"


@pytest.mark.parametrize("task", ["die", "crash", "fail", "leave", "recurse", "steer"])
def test_a_worker_that_fails_fails_alone(pool, task):
    assert refusal(pool, task) == "work_failed"


@pytest.mark.parametrize("task", ["spin", "sleep"])
def test_a_worker_that_takes_too_long_is_ended(pool, task):
    began = time.monotonic()
    assert refusal(pool, task, seconds=0.2) == "work_too_slow"
    assert time.monotonic() - began < 5


def test_no_worker_takes_more_memory_than_it_may(pool):
    assert refusal(pool, "allocate", b"100000000") == "work_too_big"
    assert pool.run("allocate", b"5000000") == bytes(5_000_000)
    assert refusal(pool, "allocate_outside") == "work_failed"


def test_an_answer_that_is_too_long_is_not_read(pool):
    assert refusal(pool, "many", str(9 * MIB).encode()) == "work_too_big"
    assert refusal(pool, "many", b"50000", answer=10_000) == "work_too_big"
    assert refusal(pool, "babble") == "work_too_big"  # its bytes announce a very long one


@pytest.mark.parametrize(
    ("task", "request_bytes"),
    [("fork", b""), ("thread", b""), ("opens", b"/etc/hostname"), ("connects", b"9")],
)
def test_a_worker_can_neither_open_nor_start_anything(pool, task, request_bytes):
    assert refusal(pool, task, request_bytes) == "work_failed"


def test_a_worker_cannot_write_files(pool, tmp_path):
    tmp_path.chmod(0o777)
    assert refusal(pool, "writes", str(tmp_path / "out").encode()) == "work_failed"
    assert not list(tmp_path.iterdir())


def test_a_worker_knows_nothing_of_the_node(pool, monkeypatch):
    monkeypatch.setenv("UNDISC_SECRET", "secret")
    _, folder, names = pool.run("where", b"").decode().split(" ", 2)
    assert folder == "/"
    assert "UNDISC" not in names
    limits, no_new_privileges, user = pool.run("limits", b"").decode().rsplit(" ", 2)
    assert limits.startswith("[(0, 0), (0, 0), (0, 0), (0, 0), ")
    assert no_new_privileges == "1"
    assert user != "0"


def test_nothing_of_one_piece_of_work_is_there_in_the_next(pool):
    assert pool.run("remember", b"jane") == b"prepared jane"
    assert pool.run("remember", b"john") == b"prepared john"


def test_what_a_worker_says_in_its_failure_is_not_logged(pool, caplog):
    assert refusal(pool, "fail") == "work_failed"
    assert "KeyError" in caplog.text
    assert "DOE" not in caplog.text


def test_a_nursery_that_was_killed_is_replaced():
    pool = WorkerPool(WORKS, bounds=BOUNDS)
    try:
        first = pool.run("echo", b"1"), pool._nursery._process
        os.kill(first[1].pid, signal.SIGKILL)
        assert pool.run("echo", b"2") == b"2"
        assert pool._nursery._process is not first[1]
    finally:
        pool.close()
    assert first[1].wait(0) == -signal.SIGKILL


def test_work_waits_for_a_free_worker_but_not_for_ever(pool):
    refused = []

    def spin():
        refused.append(refusal(pool, "spin", seconds=1.5))

    busy = [threading.Thread(target=spin) for _ in range(BOUNDS.at_once)]
    for thread in busy:
        thread.start()
    deadline = time.monotonic() + 5
    while pool._free._value and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(Unavailable) as caught:
        pool.run("echo", b"")
    assert caught.value.reason == "work_busy"
    for thread in busy:
        thread.join()
    assert refused == ["work_too_slow"] * BOUNDS.at_once


def test_no_descriptor_and_no_process_is_left():
    pool = WorkerPool(WORKS, bounds=BOUNDS)
    pool.run("echo", b"")
    nursery = pool._nursery._process.pid
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        pool.run("echo", b"")
        refusal(pool, "die")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    children = Path(f"/proc/{nursery}/task/{nursery}/children")
    deadline = time.monotonic() + 5
    while children.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not children.read_text()
    pool.close()
    assert not Path(f"/proc/{nursery}").exists()


def test_a_library_that_is_missing_is_an_error_with_a_hint(caplog):
    pool = WorkerPool({"render": "support.no_such_module:render"}, bounds=BOUNDS)
    with pytest.raises(Unavailable) as caught:
        pool.run("render", b"")
    assert caught.value.reason == "work_stopped"
    assert caught.value.hint
    assert "ModuleNotFoundError" in caplog.text


def test_an_unknown_work_is_our_own_mistake(pool):
    with pytest.raises(KeyError):
        pool.run("no-such-work", b"")
