"""Every key of the protocol and how it is derived, in one table (SPEC.md §3.2).

| key                | kind         | comes from                        | domain                 |
|--------------------|--------------|-----------------------------------|------------------------|
| node key           | Ed25519 seed | random                            |                        |
| recovery key       | Ed25519 seed | random; leaves the machine        |                        |
| box key            | X25519       | HKDF of the node key's seed       | undisc/v1/box          |
| key-encryption key | 32 bytes     | random; a copy leaves the machine |                        |
| study key          | 32 bytes     | random; one for each pack         |                        |
| wrapped study key  | sealed       | key-encryption key, pack id       | undisc/v1/study-key    |
| sealed header      | sealed       | study key, pack id                | undisc/v1/header       |
| series name        | 16 bytes     | keyed BLAKE3 of the series UID    | undisc/v1/series       |
| object key         | 32 bytes     | random; one for each object       |                        |
| link key           | Ed25519 seed | HKDF of the link's secret         | undisc/v1/link         |
| kept link          | sealed       | HKDF of the node key's seed       | undisc/v1/kept-link    |
| code key           | 32 bytes     | HKDF of the node key's seed       | undisc/v1/code         |
| kept authenticator | sealed       | HKDF of the key-encryption key    | undisc/v1/second-key   |
| patient's link     | sealed       | HKDF of the key-encryption key    | undisc/v1/patient-link |
| handle of a code   | 32 bytes     | HMAC of the code                  | undisc/v1/patient-code |
| pairing key        | 32 bytes     | HKDF of an invitation's token     | undisc/v1/pairing      |
| pairing handle     | 32 bytes     | HKDF of an invitation's token     | undisc/v1/pair-handle  |
| kit key            | 32 bytes     | Argon2id of the kit's passphrase  | undisc/v1/recovery-kit |
| fetch key          | X25519       | random; one for each invocation   |                        |
| backup key         | 32 bytes     | HKDF of the key-encryption key    | undisc/v1/backup       |
| backup block name  | 32 bytes     | keyed BLAKE3 of the block         | undisc/v1/backup       |

HKDF is HKDF-SHA256 (RFC 5869) with an empty salt and the domain as info, because a browser has it
too. "Sealed" is XChaCha20-Poly1305 with a random 24-byte nonce in front (SPEC.md §3.2), so that two
programs sharing a key cannot repeat a nonce.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from blake3 import blake3
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl import pwhash
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from undisc_protocol.did import Did, encode_did
from undisc_protocol.errors import CannotOpen, LocalProtocolError

KEY_SIZE: Final = 32  # bytes of every key in the table
SEAL_NONCE: Final = 24  # bytes of a random XChaCha20 nonce
SEAL_OVERHEAD: Final = SEAL_NONCE + 16  # bytes: nonce in front, tag behind
KIT_SALT: Final = 16  # bytes of Argon2id salt

DOMAIN_BOX: Final = b"undisc/v1/box"
DOMAIN_STUDY_KEY: Final = b"undisc/v1/study-key"
DOMAIN_HEADER: Final = b"undisc/v1/header"
DOMAIN_SERIES: Final = b"undisc/v1/series"
DOMAIN_LINK: Final = b"undisc/v1/link"
DOMAIN_KEPT_LINK: Final = b"undisc/v1/kept-link"
DOMAIN_CODE: Final = b"undisc/v1/code"
DOMAIN_AUTHENTICATOR: Final = b"undisc/v1/second-key"
DOMAIN_PATIENT_LINK: Final = b"undisc/v1/patient-link"
DOMAIN_PATIENT_CODE: Final = b"undisc/v1/patient-code"
DOMAIN_PAIRING: Final = b"undisc/v1/pairing"
DOMAIN_PAIRING_HANDLE: Final = b"undisc/v1/pair-handle"
DOMAIN_KIT: Final = b"undisc/v1/recovery-kit"
DOMAIN_BACKUP: Final = b"undisc/v1/backup"


def derive(secret: bytes, domain: bytes) -> bytes:
    """Derive a 32-byte key from a 32-byte secret for one domain (HKDF-SHA256, RFC 5869)."""
    if len(secret) != KEY_SIZE:
        raise LocalProtocolError("a key is derived from 32 bytes")
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=None, info=domain).derive(secret)


@dataclass(frozen=True, slots=True)
class SignKey:
    """An Ed25519 signing key and its principal.

    Attributes:
        signing: PyNaCl's key.
        did: The did:key of its public half.
    """

    signing: SigningKey
    did: Did

    @classmethod
    def from_seed(cls, seed: bytes) -> SignKey:
        """Make the key of a 32-byte seed."""
        if len(seed) != KEY_SIZE:
            raise LocalProtocolError("an Ed25519 seed has 32 bytes")
        signing = SigningKey(seed)
        return cls(signing, encode_did(bytes(signing.verify_key)))

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return bytes(self.signing.verify_key)

    def __repr__(self) -> str:
        return f"SignKey({self.did})"


def box_key(node_seed: bytes) -> PrivateKey:
    """Derive the X25519 key to which requests to a node are sealed."""
    return PrivateKey(derive(node_seed, DOMAIN_BOX))


def link_key(secret: bytes) -> SignKey:
    """Derive the Ed25519 key of a link from its 32-byte secret."""
    return SignKey.from_seed(derive(secret, DOMAIN_LINK))


def keep_link_secret(node_seed: bytes, secret: bytes, *, fetch: bytes, nonce: bytes) -> bytes:
    """Seal the secret of a link that a node uses, so that it can go on after a restart.

    Args:
        node_seed: Seed of the node key: whoever has a copy of the catalog has no link by that.
        secret: The link's secret, 32 bytes.
        fetch: Id of the fetch that it is for.
        nonce: 24 fresh random bytes.
    """
    key = derive(node_seed, DOMAIN_KEPT_LINK)
    return seal(key, secret, domain=DOMAIN_KEPT_LINK, bound_to=fetch, nonce=nonce)


def kept_link_secret(node_seed: bytes, sealed: bytes, *, fetch: bytes) -> bytes:
    """Open what `keep_link_secret` made.

    Raises:
        CannotOpen: The node key was replaced since, or the bytes were changed.
    """
    key = derive(node_seed, DOMAIN_KEPT_LINK)
    return unseal(key, sealed, domain=DOMAIN_KEPT_LINK, bound_to=fetch)


def keep_authenticator(
    key_encryption_key: bytes, secret: bytes, *, name: str, nonce: bytes
) -> bytes:
    """Seal the secret of the authenticator of one of the practice's own people.

    Args:
        key_encryption_key: Stays when the node key is replaced, and is in no backup.
        secret: What the authenticator makes its codes from.
        name: Whose it is.
        nonce: 24 fresh random bytes.
    """
    key = derive(key_encryption_key, DOMAIN_AUTHENTICATOR)
    return seal(key, secret, domain=DOMAIN_AUTHENTICATOR, bound_to=name.encode(), nonce=nonce)


def kept_authenticator(key_encryption_key: bytes, sealed: bytes, *, name: str) -> bytes:
    """Open what `keep_authenticator` made.

    Raises:
        CannotOpen: Another key, another person's, or changed bytes.
    """
    key = derive(key_encryption_key, DOMAIN_AUTHENTICATOR)
    return unseal(key, sealed, domain=DOMAIN_AUTHENTICATOR, bound_to=name.encode())


def seal_patient_link(
    key_encryption_key: bytes, secret: bytes, code: str, *, link: Did, nonce: bytes
) -> bytes:
    """Seal a patient's link and the code beside it until it is claimed.

    Until then it may have to be delivered or printed again.

    Args:
        key_encryption_key: Whoever has a copy of the catalog has no link by that.
        secret: The link's secret, 32 bytes.
        code: The code in its one spelling.
        link: The link's key.
        nonce: 24 fresh random bytes.
    """
    key = derive(key_encryption_key, DOMAIN_PATIENT_LINK)
    return seal(
        key,
        secret + code.encode("ascii"),
        domain=DOMAIN_PATIENT_LINK,
        bound_to=link.encode("ascii"),
        nonce=nonce,
    )


def open_patient_link(key_encryption_key: bytes, sealed: bytes, *, link: Did) -> tuple[bytes, str]:
    """Open what `seal_patient_link` made; return secret and code.

    Raises:
        CannotOpen: Another key, or changed bytes.
    """
    key = derive(key_encryption_key, DOMAIN_PATIENT_LINK)
    plain = unseal(key, sealed, domain=DOMAIN_PATIENT_LINK, bound_to=link.encode("ascii"))
    return plain[:KEY_SIZE], plain[KEY_SIZE:].decode("ascii")


def code_handle(key_encryption_key: bytes, code: str) -> bytes:
    """Return the name under which a code is looked up, 32 bytes: its HMAC-SHA256.

    Args:
        key_encryption_key: Whoever has a copy of the catalog cannot try codes without it.
        code: The code in its one spelling.
    """
    key = derive(key_encryption_key, DOMAIN_PATIENT_CODE)
    return hmac.digest(key, code.encode("ascii"), "sha256")


def kit_key(passphrase: str, salt: bytes) -> bytes:
    """Derive the key that protects a recovery kit (Argon2id, 256 MiB, 3 passes).

    Args:
        passphrase: What the administrator chose; NFC text.
        salt: 16 random bytes, stored in the kit.
    """
    if len(salt) != KIT_SALT:
        raise LocalProtocolError("a kit's salt has 16 bytes")
    return pwhash.argon2id.kdf(
        KEY_SIZE,
        passphrase.encode(),
        salt,
        opslimit=pwhash.argon2id.OPSLIMIT_MODERATE,
        memlimit=pwhash.argon2id.MEMLIMIT_MODERATE,
    )


def series_name(study_key: bytes, series_uid: str) -> bytes:
    """Name a series without its DICOM UID: 16 bytes that only holders of the study key can compute.

    The name travels in shares and invocations; the study key never does.
    """
    hasher = blake3(DOMAIN_SERIES + b"\x00" + series_uid.encode(), key=study_key)
    return hasher.digest(length=16)


def backup_key(key_encryption_key: bytes) -> bytes:
    """Derive the key that seals backups: whoever has the recovery kit can open them."""
    return derive(key_encryption_key, DOMAIN_BACKUP)


def backup_block_name(key: bytes, block: bytes) -> bytes:
    """Name a block of a backup by its content, 32 bytes.

    The same block has the same name, so it is stored once; without the backup key nobody can tell
    from a name what is in the block.
    """
    return blake3(DOMAIN_BACKUP + b"\x00" + block, key=key).digest()


def seal(key: bytes, plaintext: bytes, *, domain: bytes, bound_to: bytes, nonce: bytes) -> bytes:
    """Encrypt and authenticate under a 32-byte key (XChaCha20-Poly1305).

    Args:
        key: 32 bytes.
        plaintext: What to protect.
        domain: One of this module's domains.
        bound_to: Context the bytes belong to, such as a 16-byte pack id.
        nonce: 24 fresh random bytes.

    Returns:
        `nonce ‖ ciphertext ‖ tag`.
    """
    if len(nonce) != SEAL_NONCE:
        raise LocalProtocolError("a seal needs a nonce of 24 bytes")
    associated = domain + b"\x00" + bound_to
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated, nonce, key)


def unseal(key: bytes, sealed: bytes, *, domain: bytes, bound_to: bytes) -> bytes:
    """Open what `seal` made.

    Raises:
        CannotOpen: Another key, domain or context, or changed bytes.
    """
    if len(sealed) < SEAL_OVERHEAD:
        raise CannotOpen("sealed bytes are too short")
    nonce, ciphertext = sealed[:SEAL_NONCE], sealed[SEAL_NONCE:]
    associated = domain + b"\x00" + bound_to
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, associated, nonce, key)
    except CryptoError:
        raise CannotOpen("sealed bytes do not open with this key") from None
