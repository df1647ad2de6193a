"""Ways in which bytes arrive broken, and the one thing that every reader must do about it."""

import pytest

from undisc_protocol.errors import REMOTE_CODES, RemoteProtocolError


def truncated(raw, step=1):
    """Yield every proper beginning of some bytes."""
    return (raw[:length] for length in range(0, len(raw), step))


def flipped(raw, step=1):
    """Yield the bytes with one bit changed, for every byte."""
    for place in range(0, len(raw), step):
        yield raw[:place] + bytes((raw[place] ^ 1 << place % 8,)) + raw[place + 1 :]


def damaged(raw, step=1):
    """Yield truncated, flipped and lengthened forms."""
    yield from truncated(raw, step)
    yield from flipped(raw, step)
    yield raw + b"\x00"
    yield raw + raw


def refused(reader, raw):
    """Require that a reader raises one of our leaves; return it."""
    with pytest.raises(RemoteProtocolError) as caught:
        reader(raw)
    assert type(caught.value) in REMOTE_CODES.values(), "not a leaf"
    return caught.value
