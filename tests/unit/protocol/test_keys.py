"""Keys and derivations, beyond the vectors of SPEC.md §3.2."""

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.parties import label
from undisc_protocol import keys, link
from undisc_protocol.errors import BadFields, CannotOpen, LocalProtocolError, Oversize


def test_derivation_is_plain_hkdf():
    """Written out by RFC 5869: what a browser's WebCrypto does as well."""
    secret = label("secret")
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    expanded = hmac.new(extracted, b"undisc/v1/link\x01", hashlib.sha256).digest()
    assert bytes(keys.link_key(secret).signing) == expanded


def test_every_use_has_its_own_key():
    domains = [value for name, value in vars(keys).items() if name.startswith("DOMAIN_")]
    assert len({keys.derive(label("secret"), domain) for domain in domains}) == len(domains) >= 14


@pytest.mark.parametrize("size", [0, 31, 33])
def test_secrets_have_32_bytes(size):
    with pytest.raises(LocalProtocolError):
        keys.derive(bytes(size), keys.DOMAIN_LINK)
    with pytest.raises(LocalProtocolError):
        keys.SignKey.from_seed(bytes(size))
    with pytest.raises(LocalProtocolError):
        link.write_secret(bytes(size))


def test_a_key_does_not_print_its_seed():
    key = keys.SignKey.from_seed(label("seed"))
    assert label("seed").hex() not in repr(key)
    assert repr(key) == f"SignKey({key.did})"


def test_series_names_differ_by_study_and_series():
    names = {keys.series_name(label(study), uid) for study in ("a", "b") for uid in ("1.2", "1.3")}
    assert len(names) == 4
    assert {len(name) for name in names} == {16}


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_sealed_bytes_open(plaintext, bound_to):
    key, nonce = label("key"), label("nonce", 24)
    sealed = keys.seal(key, plaintext, domain=b"d", bound_to=bound_to, nonce=nonce)
    assert len(sealed) == len(plaintext) + keys.SEAL_OVERHEAD
    assert keys.unseal(key, sealed, domain=b"d", bound_to=bound_to) == plaintext


def test_domain_and_context_do_not_run_into_each_other():
    """`ab` for `c` is not `a` for `bc`."""
    key, nonce = label("key"), label("nonce", 24)
    sealed = keys.seal(key, b"", domain=b"ab", bound_to=b"c", nonce=nonce)
    with pytest.raises(CannotOpen):
        keys.unseal(key, sealed, domain=b"a", bound_to=b"bc")


def test_a_seal_needs_its_whole_nonce():
    with pytest.raises(LocalProtocolError):
        keys.seal(label("key"), b"", domain=b"d", bound_to=b"", nonce=bytes(12))


def test_a_kit_key_needs_its_whole_salt():
    with pytest.raises(LocalProtocolError):
        keys.kit_key("passphrase", bytes(8))


def test_a_link_that_is_no_link():
    with pytest.raises(Oversize):
        link.read_secret("x" * 2049)
    with pytest.raises(BadFields) as caught:
        link.read_secret("https://node.example/#" + "s3cret" * 7)
    assert "s3cret" not in str(caught.value)
