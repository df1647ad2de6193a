"""Every bound of the protocol: name, unit, reason and source (SPEC.md §2.3).

A bound is checked before the work it bounds: sizes before decoding, counts before allocation,
times before signatures are trusted. Raising one is a change of the protocol.
"""

from __future__ import annotations

from typing import Final

# --- Encoding (SPEC.md §2.1) -------------------------------------------------------------------

MAX_DEPTH: Final = 16  # nested arrays and maps; our deepest message uses 8
MAX_INTEGER: Final = 2**53 - 1  # JavaScript's safe integers, as UCAN 1.0 asks
MAX_ITEMS: Final = 1_000_000  # items in one decoded message; a full manifest has about 400,000

# --- Keys and names (SPEC.md §3) ----------------------------------------------------------------

DID_LENGTH: Final = 56  # characters of did:key:z6Mk… for Ed25519, always
MAX_NODE_NAME: Final = 64  # characters of a practice's name in its status card
MAX_URLS: Final = 8  # addresses in a status card
MAX_URL: Final = 256  # characters; host names end at 253 (RFC 1035 §2.3.4)
MAX_LINK: Final = 2_048  # characters of a link as pasted; mail gateways wrap it in their own
MAX_IDENTITY_RECORD: Final = 1_024  # bytes; a record has about 220
MAX_IDENTITY_RECORDS: Final = 32  # records of one node; that many still fit a receipt
MAX_STATUS_CARD: Final = 4_096  # bytes; eight addresses of 256 characters fit
STATUS_CARD_LIFETIME: Final = 30 * 86_400  # seconds; a frozen old card ages out (TUF freeze attack)
MAX_INVITATION: Final = 2_048  # characters of an invitation as pasted; a usual one has 200
MAX_INVITATION_URLS: Final = (
    3  # addresses in it: one for each line to the internet; QR codes are small
)
INVITATION_LIFETIME: Final = (
    300  # seconds; long enough to paste, too short to be found in a mailbox
)
PAIRING_LIFETIME: Final = (
    900  # seconds from the invitation to both decisions: time for a phone call
)
MAX_PAIRING: Final = 24_576  # bytes of a message of a pairing; a node document of full size
MAX_VERDICT: Final = 512  # bytes of a signed verdict; it has about 220
MAX_KIT: Final = 65_536  # characters of a recovery kit's text; a page has about 1,100

# --- Capabilities (SPEC.md §4) ------------------------------------------------------------------

MAX_TOKEN: Final = 4_096  # bytes of one delegation or invocation; 64 series need about 2,000
MAX_PROOFS: Final = 2  # [grant] or [grant, share]: the closed profile has no longer chain
MAX_COMMAND: Final = 64  # characters; the longest of the profile has nine
MIN_NONCE: Final = 12  # bytes; UCAN 1.0 recommends at least 12 random bytes
MAX_NONCE: Final = 32  # bytes
MAX_SERIES: Final = 64  # series named in one share or invocation
MAX_PURPOSE: Final = 64  # characters of what the asker says about the reason
CLOCK_SKEW: Final = 60  # seconds two clocks may differ (UCAN 1.0, time bounds)
GRANT_LIFETIME: Final = 400 * 86_400  # seconds; a year and a month, then consent is asked again
INVOCATION_LIFETIME: Final = 300  # seconds; the replay store stays small

# --- Packs (SPEC.md §5) -------------------------------------------------------------------------

CHUNK: Final = 1_048_576  # bytes of plaintext in a chunk; larger gains nothing (measured)
TAG: Final = 16  # bytes that AES-256-GCM adds to each chunk
MAX_OBJECT: Final = 4 * 2**30  # bytes of one instance; the largest whole-slide frames stay below
MAX_OBJECTS: Final = 32_768  # instances in one study; 4D cardiac CT reaches 20,000
MAX_HEADER: Final = 4_096  # bytes of one sealed header; UIDs are at most 64 characters (PS3.5 §9)
MAX_INDEX: Final = 16 * 2**20  # bytes of a sealed index of MAX_OBJECTS entries
MAX_UID: Final = 64  # characters (PS3.5 §9.1)
MAX_ATTRIBUTE: Final = (
    256  # characters of a DICOM text; a person's name has up to 3 × 64 (PS3.5 §6.2)
)
MIN_NUMBER: Final = -(2**31)  # smallest Instance Number (PS3.5 §6.2, IS)
MAX_NUMBER: Final = 2**31 - 1  # largest Instance Number

# --- Exchange (SPEC.md §6) ----------------------------------------------------------------------

MAX_REQUEST: Final = 1_048_576  # bytes; MAX_OBJECTS names of 16 bytes each, and proofs
MAX_REQUEST_ITEMS: Final = 40_000  # strangers may send requests: MAX_OBJECTS names, and the rest
MAX_ANSWER: Final = 16 * 2**20  # bytes; a manifest of MAX_OBJECTS entries
MAX_REFUSAL: Final = 8_192  # bytes of a signed answer without a manifest
MAX_CODE: Final = 64  # characters of an error's code
MAX_RECEIPT: Final = 8_192  # bytes
MAX_OFFER: Final = 16_384  # bytes; identity, card and two proofs
MAX_RECALL: Final = 8_192  # bytes of a request to recall; a full chain of identity records fits
MAX_RECALLED: Final = 256  # receipts, and notices, in one answer; older ones come after them
MAX_RECALLED_LOGS: Final = 16  # checkpoints in one answer: a log for each restore, the newest ones
MAX_RECALL_ANSWER: Final = 7 * 2**20  # bytes; MAX_RECALLED receipts and notices of full size
MAX_GREETING: Final = 16_384  # bytes; a full chain of identity records and a card
MAX_PROOF: Final = 128  # hashes; the proof in a log of 2^63 lines has fewer
MAX_POLL: Final = 16_384  # bytes of a poll; a full chain of identity records and a card
MAX_ERRANDS: Final = 16  # requests in one answer to a poll; the poller comes again for more
MAX_POLL_ANSWER: Final = 2 * 2**20  # bytes; a request of full size, a card, and small ones
MAX_ERRAND_PATH: Final = 48  # characters; the longest path between nodes has 19
ERRAND: Final = 32  # bytes, random: the handle under which an errand is answered
MAX_HANDING: Final = 32_768  # bytes; an offer of full size and a full chain of identity records
MAX_NOTICE: Final = 16_384  # bytes; a full chain of identity records and a patient's identity
MAX_NOTICE_ENDED: Final = 64  # grants and shares of one study to one node; 2 KB of a notice
MAX_UNLOCK: Final = 16_384  # bytes; a full chain of identity records, a passcode and a code
MAX_PASSCODE: Final = 128  # characters of a link's passcode
MAX_ONE_TIME_CODE: Final = 16  # characters of a one-time code; six digits, as somebody types them
MAX_LINK_OFFERS: Final = 32  # studies that one link opens: a visit and its priors
MAX_UNLOCK_ANSWER: Final = 557_056  # bytes; MAX_LINK_OFFERS offers of full size
UNLOCK_LIFETIME: Final = 86_400  # seconds; a resumed transfer does not ask again for a day
MAX_NODE_DOCUMENT: Final = 16_384  # bytes of identity records and status card
MAX_ERROR_TEXT: Final = 512  # characters of an error's message, and of its hint
TICKET: Final = 32  # bytes, random
TICKET_LIFETIME: Final = 600  # seconds; a longer transfer asks again
REQUEST_LIFETIME: Final = 300  # seconds a signed request is good for
FIRST_WAIT: Final = 1  # seconds before a broken fetch asks again; doubles with every break
LONGEST_WAIT: Final = 60  # seconds; a holder that restarts is noticed within a minute
MAX_BREAKS: Final = 10  # breaks in a row without anything gained, then a person decides
SLICE: Final = 4 * 2**20  # bytes sent between two looks at revocations

# --- Log (SPEC.md §7) ---------------------------------------------------------------------------

MAX_EVENT: Final = 8_192  # bytes of one encoded event
MAX_EVENT_TEXT: Final = 512  # characters of any text in an event; an error's message fits
MAX_EVENT_ACTORS: Final = 8  # participants of an event
MAX_EVENT_SUBJECTS: Final = 16  # things one event is about
MAX_EVENT_DETAILS: Final = 32  # further facts of an event
SALT: Final = 32  # bytes; makes a leaf unguessable after its event is erased
