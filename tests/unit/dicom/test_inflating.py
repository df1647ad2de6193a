"""A bomb costs what was allowed, whichever way it swells."""

import io
import time
import tracemalloc
import zlib

import pytest

from undisc_node.dicom.inflating import Ending, inflate

MIB = 2**20


def packed(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def bomb(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


class Endless(io.RawIOBase):
    """A stream of empty blocks: input for ever, output never."""

    def __init__(self):
        super().__init__()
        self.taken = 0

    def read(self, size=-1):
        self.taken += size
        return b"\0\0\0\xff\xff" * (size // 5)


@pytest.mark.parametrize("data", [b"", b"x", bytes(3 * MIB), bytes(range(256)) * 999])
def test_what_is_honest_comes_out_whole(data):
    assert inflate(io.BytesIO(packed(data)), most=4 * MIB) == (data, Ending.WHOLE)


def test_no_more_comes_out_than_was_asked_for():
    assert inflate(io.BytesIO(packed(bytes(100_000))), most=777) == (bytes(777), Ending.BOUND)


def test_a_bomb_is_not_held_in_memory():
    deflated = bomb(512 * MIB)
    assert len(deflated) < MIB
    tracemalloc.start()
    began = time.process_time()
    result = inflate(io.BytesIO(deflated), most=8 * MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.ending is Ending.BOUND
    assert len(result.data) == 8 * MIB
    assert peak < 32 * MIB
    assert time.process_time() - began < 1


def test_input_without_output_ends():
    stream = Endless()
    assert inflate(stream, most=MIB) == (b"", Ending.BOUND)
    assert stream.taken < 3 * MIB


@pytest.mark.parametrize("damage", [b"\xff\xff", packed(bytes(999))[:5] + b"\xff" * 9])
def test_damage_is_told_with_what_came_before(damage):
    assert inflate(io.BytesIO(damage), most=MIB).ending is Ending.DAMAGED


def test_input_that_ends_early_gives_what_it_has():
    deflated = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
    whole = deflated.compress(b"DOE^JANE" * 100) + deflated.flush()
    data, ending = inflate(io.BytesIO(whole[:50]), most=MIB)
    assert ending is Ending.WHOLE
    assert (b"DOE^JANE" * 100).startswith(data)
