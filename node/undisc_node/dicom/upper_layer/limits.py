"""Every bound of the upper layer: name, unit, reason and source.

A bound is checked when a length has been read and before anything of that length is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_UID: Final = 64  # characters (PS3.5 §9.1)
AE_TITLE: Final = 16  # bytes, padded with spaces (PS3.8 §9.3.2)
MAX_CONTEXTS: Final = 128  # contexts of an association: the odd numbers of a byte (PS3.8 §9.3.2.2)
MAX_SYNTAXES: Final = 128  # transfer syntaxes of one context; the standard knows about 60
MAX_VERSION_NAME: Final = 16  # characters of an implementation version name (PS3.7 §D.3.3.2)
MAX_USER_ITEMS: Final = 512  # user information items; role and extended negotiation: 1 a context
MAX_IDENTITY: Final = 16_384  # bytes of a user identity field; Kerberos tickets and SAML are large
MAX_RELATED: Final = 64  # related general SOP classes of one class (PS3.7 §D.3.3.6)
SMALL_PDU: Final = 4  # bytes of answers, releases and aborts (PS3.8 §9.3.4, §9.3.6 to §9.3.8)
# Bytes; a peer that announces less would make us cut every answer into dust. Nobody does: DCMTK
# refuses to go below 4,096.
SMALLEST_DATA_PDU: Final = 64
LARGEST_SENT: Final = 2**20  # bytes of a P-DATA-TF PDU that we make, whatever the peer would take


@dataclass(frozen=True, slots=True)
class PduBounds:
    """What one side takes.

    Attributes:
        associate: Bytes of an association request or its acceptance after the header. 128 contexts
            with 60 transfer syntaxes each have about 210,000.
        data: Bytes of a P-DATA-TF PDU after its header; announced to the other side. DCMTK sends at
            most 131,072.
    """

    associate: int = 262_144
    data: int = 131_072
