"""Readers of vectors about pairing (SPEC.md §3.9 to §3.11)."""

from hashlib import sha256

from undisc_protocol.did import Did
from undisc_protocol.invitation import PairingSecret, read_invitation
from undisc_protocol.pairing import (
    Pairing,
    Role,
    Step,
    open_request,
    read_reply,
    read_request,
    read_verdict,
)
from undisc_protocol.pairing_file import file_words, read_pairing_file


def _filled(vector, part):
    return vector.parts[part].ljust(int(vector.headers.get("fill", "0")), b"\x00")


def _shown(content):
    """A commitment as it is; what is longer by its hash."""
    if content is None:
        return ""
    return content.hex() if len(content) == 32 else sha256(content).hexdigest()


def read_invited(vector):
    text = _filled(vector, "text").decode()
    invitation = read_invitation(text)
    return {
        "id": invitation.node_id.hex(),
        "urls": " ".join(invitation.urls),
        "expires": str(invitation.expires),
        "handle": invitation.secret.handle.hex(),
        "key": invitation.secret.key.hex(),
    }


def _secret(vector):
    return PairingSecret(vector.parts["handle"], vector.parts["key"])


def read_guest(vector):
    request = read_request(_filled(vector, "body"))
    assert request.handle == vector.parts["handle"]
    return {"content": _shown(open_request(_secret(vector), request))}


def read_inviter(vector):
    content = read_reply(
        _secret(vector),
        Step(vector.headers["step"]),
        vector.parts["body"],
        status=int(vector.headers["status"]),
    )
    return {"content": _shown(content)}


def hear(vector):
    pairing = Pairing(
        Role.GUEST,
        vector.parts["own"],
        vector.parts["commitment"] or None,
        vector.parts.get("before"),
    )
    heard = pairing.revealed(vector.parts["said"], now=int(vector.headers["now"]))
    return {"words": " ".join(heard.words)}


def read_decided(vector):
    says = read_verdict(
        vector.parts["signed"],
        role=Role(vector.headers["role"]),
        pairing=vector.parts["pairing"],
        signer=Did(vector.headers["signer"]),
    )
    return {"says": says.value}


def read_by_file(vector):
    read = read_pairing_file(_filled(vector, "raw"), now=int(vector.headers["now"]))
    assert read.answers == sha256(vector.parts["first"]).digest()
    return {"words": " ".join(file_words(vector.parts["first"], read.raw))}


READERS = {
    "invitation": read_invited,
    "pairing-request": read_guest,
    "pairing-reply": read_inviter,
    "pairing-said": hear,
    "verdict": read_decided,
    "pairing-file": read_by_file,
}
