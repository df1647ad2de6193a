"""The preamble of a file that leaves holds no program; every other byte stays."""

import pytest

from undisc_node.services.preambles import harmless, leaving

BODY = b"DICM" + bytes(range(256))
PROGRAM = b"MZ" + bytes(range(126))
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def cut(data, size):
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 127, 128, 131, 132, 133, 10_000])
def test_a_foreign_preamble_becomes_zeros_however_the_file_is_cut(size):
    assert b"".join(leaving(cut(PROGRAM + BODY, size))) == bytes(128) + BODY


@pytest.mark.parametrize("head", TIFFS)
def test_the_head_of_a_tiff_stays(head):
    data = head + bytes(range(124)) + BODY
    assert b"".join(leaving(cut(data, 50))) == data


@pytest.mark.parametrize("data", [b"", b"MZ", PROGRAM, PROGRAM + b"DIC", b"\x08\0\x05\0" * 60])
def test_what_has_no_preamble_is_left_alone(data):
    assert b"".join(leaving(cut(data, 50))) == data
    assert harmless(data) == data


def test_what_reads_the_chunks_is_closed_with_them():
    closed = []

    def chunks():
        try:
            while True:
                yield PROGRAM + BODY
        finally:
            closed.append(True)

    out = leaving(chunks())
    next(out)
    out.close()
    assert closed == [True]
