"""Sealing to a box key (SPEC.md §6.1)."""

import pytest
from nacl.public import PrivateKey, SealedBox

from support.damage import damaged, refused
from support.parties import label
from undisc_protocol.boxes import BOX_OVERHEAD, box_open, box_seal
from undisc_protocol.errors import BadKey, CannotOpen, LocalProtocolError

OWN = PrivateKey(label("own"))
PUBLIC = bytes(OWN.public_key)
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]


def sealed(message=b"what is said"):
    return box_seal(PUBLIC, message, ephemeral=label("ephemeral"))


def test_libsodium_opens_what_we_seal_and_the_other_way_round():
    """Other implementations use crypto_box_seal and crypto_box_seal_open as they are."""
    assert SealedBox(OWN).decrypt(sealed()) == b"what is said"
    assert box_open(OWN, SealedBox(OWN.public_key).encrypt(b"answer")) == b"answer"
    assert box_open(OWN, SealedBox(OWN.public_key).encrypt(b"")) == b""
    assert len(sealed()) == len(b"what is said") + BOX_OVERHEAD


def test_only_the_owner_opens_it():
    with pytest.raises(CannotOpen):
        box_open(PrivateKey(label("somebody else")), sealed())


def test_whatever_is_changed_is_refused():
    for broken in damaged(sealed()):
        assert isinstance(refused(lambda raw: box_open(OWN, raw), broken), CannotOpen)


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: point.hex()[:8])
def test_keys_with_which_nothing_stays_secret_are_refused(point):
    """A peer names a point of small order as its key: anybody could open what is sealed to it."""
    with pytest.raises(BadKey):
        box_seal(point, b"secret", ephemeral=label("ephemeral"))
    with pytest.raises(CannotOpen):
        box_open(OWN, point + bytes(64))


def test_keys_of_a_wrong_size_are_our_own_mistake():
    for recipient, ephemeral in ((PUBLIC[:-1], bytes(32)), (PUBLIC, bytes(31))):
        with pytest.raises(LocalProtocolError):
            box_seal(recipient, b"", ephemeral=ephemeral)
