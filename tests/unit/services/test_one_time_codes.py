"""One-time codes: five tries, ten minutes, once; and no way around it by asking for more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.clock import FakeClock, SeededEntropy
from support.memory_catalog import MemoryCatalog
from undisc_node.services.errors import ServiceError
from undisc_node.services.one_time_codes import A_DAY, OneTimeCodes

SHARE, OTHER = b"s" * 32, b"o" * 32


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def codes(clock):
    return OneTimeCodes(
        catalog=MemoryCatalog(), clock=clock, entropy=SeededEntropy(), node_seed=bytes(32)
    )


def refused(codes, context, typed):
    with pytest.raises(ServiceError) as problem:
        codes.check(context, typed)
    return problem.value.reason


def other_than(code):
    return f"{(int(code) + 1) % 10**6:06d}"


def test_a_code_works_once_however_it_is_typed(codes):
    code = codes.issue(SHARE).code
    assert len(code) == 6
    codes.check(SHARE, f" {code[:3]}-{code[3:]} ")
    assert refused(codes, SHARE, code) == "no_code"


def test_a_code_fits_nothing_else(codes):
    """The code of one share, typed at another, counts there as a wrong one."""
    code = codes.issue(SHARE).code
    codes.issue(OTHER)
    assert refused(codes, OTHER, code) == "wrong_code"
    codes.check(SHARE, code)


def test_a_code_is_over_after_ten_minutes(codes, clock):
    code = codes.issue(SHARE).code
    clock.advance(600)
    assert refused(codes, SHARE, code) == "no_code"


def test_after_five_wrong_ones_the_right_one_is_refused_too(codes):
    code = codes.issue(SHARE).code
    assert {refused(codes, SHARE, other_than(code)) for _ in range(5)} == {"wrong_code"}
    assert refused(codes, SHARE, code) == "code_tries_used_up"


def test_parallel_guesses_are_counted_before_they_are_compared(codes):
    code = codes.issue(SHARE).code
    with ThreadPoolExecutor(16) as pool:
        wrong = [pool.submit(refused, codes, SHARE, other_than(code)) for _ in range(100)]
    reasons = [one.result() for one in wrong]
    assert reasons.count("wrong_code") == 5
    assert refused(codes, SHARE, code) == "code_tries_used_up"


def test_what_is_no_code_is_not_counted(codes):
    code = codes.issue(SHARE).code
    for typed in ("", "12345", "1234567", "12345a", "١٢٣٤٥٦"):
        assert refused(codes, SHARE, typed) == "bad_code"
    codes.check(SHARE, code)


def test_a_new_code_ends_the_earlier_one(codes, clock):
    first = codes.issue(SHARE).code
    clock.advance(31)
    second = codes.issue(SHARE).code
    assert first != second
    assert refused(codes, SHARE, first) == "wrong_code"
    codes.check(SHARE, second)


def test_nobody_is_flooded_and_nobody_gets_more_guesses_by_asking_again(codes, clock):
    codes.issue(SHARE)
    with pytest.raises(ServiceError, match="moment ago"):
        codes.issue(SHARE)
    for _ in range(A_DAY - 1):
        clock.advance(31)
        codes.issue(SHARE)
    clock.advance(31)
    with pytest.raises(ServiceError, match="too many codes"):
        codes.issue(SHARE)
    codes.issue(OTHER)
    clock.advance(86_400)
    codes.issue(SHARE)


def test_no_code_and_no_hash_of_one_reaches_a_traceback(codes):
    issued = codes.issue(SHARE)
    assert issued.code not in repr(issued)
