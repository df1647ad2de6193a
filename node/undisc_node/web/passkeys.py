"""Talks to authenticators through webauthn (py_webauthn), the only user of that library.

Attestation is not asked for: which make an authenticator is matters to nobody here, and would tell
devices apart. The holder must be verified by their device, at the making and at each use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from undisc_node.services.desk_rows import Passkey
from undisc_node.services.passkeys import Read, Site, bad_passkey

_BROKEN = (WebAuthnException, ValueError, KeyError, TypeError)
"""What the library raises for answers that are none."""


class WebAuthn:
    """Implements `services.passkeys.ReadsPasskeys`."""

    def ask_new(
        self, site: Site, practice: str, name: str, challenge: bytes, known: Sequence[bytes]
    ) -> str:
        """Return what a browser is given to make a passkey, as JSON."""
        return options_to_json(
            generate_registration_options(
                rp_id=site.host,
                rp_name=practice,
                user_name=name,
                user_id=name.encode(),
                challenge=challenge,
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED,
                    user_verification=UserVerificationRequirement.REQUIRED,
                ),
                exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
            )
        )

    def ask(self, site: Site, challenge: bytes) -> str:
        """Return what a browser is given to use one, as JSON."""
        return options_to_json(
            generate_authentication_options(
                rp_id=site.host,
                challenge=challenge,
                user_verification=UserVerificationRequirement.REQUIRED,
            )
        )

    def read_new(self, answer: str, site: Site, challenge: bytes) -> Read:
        """Check a new one; its holder was verified."""
        try:
            read = verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except _BROKEN as problem:
            raise bad_passkey() from problem
        return Read(read.credential_id, read.credential_public_key, read.sign_count)

    def id_of(self, answer: str) -> bytes:
        """Return which passkey answers; nothing is checked."""
        try:
            return base64url_to_bytes(json.loads(answer)["id"])
        except _BROKEN as problem:
            raise bad_passkey() from problem

    def read(self, answer: str, site: Site, challenge: bytes, known: Passkey) -> int:
        """Check an answer by its key; return how often it was used."""
        try:
            read = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=known.key,
                credential_current_sign_count=known.count,
                require_user_verification=True,
            )
        except _BROKEN as problem:
            raise bad_passkey() from problem
        return read.new_sign_count
