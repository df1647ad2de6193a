"""Writes every generated page of docs/reference from the code that it describes.

    python -m support.reference          write every page that is out of date
    python -m support.reference --check  only say which pages are out of date

`tests/meta/test_docs.py` compares, so a page cannot fall behind. What a table cannot know, such as
the meaning of an event in plain words, stands here; a new setting, route or event without such a
line stops this program with its name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from support import cli_reference
from support.reference_api import http_api
from support.reference_conformance import conformance
from support.reference_errors import errors
from support.reference_metrics import metrics
from undisc_node.checks import CHECKS
from undisc_node.checks.examining import DEADLINE
from undisc_node.checks.floors import FLOORS
from undisc_node.config import FIELDS
from undisc_node.dicom import bounds
from undisc_node.services.auditing import KINDS
from undisc_node.web import connections
from undisc_node.web import limits as web_limits

ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"
NOTE: Final = (
    "<!-- Written by tests/support/reference.py from {origin}; change that, not this page. -->"
)

_EVENTS: Final[Mapping[str, str]] = {
    "node.started": "The node opened its doors.",
    "node.stopped": "The node was told to stop.",
    "node.clock_trusted": "An administrator said that the clock is right, and was ahead before.",
    "node.time_leapt": "The clock was put ahead, or the machine slept.",
    "node.restored": "The node came back from a copy; every permission in it is suspended.",
    "node.confirmed": "An administrator kept or revoked every suspended permission.",
    "node.key_asked": "An administrator confirmed a new recovery kit: the key is replaced now.",
    "node.key_changed": "The node began to work under its next key.",
    "node.kit_drilled": "An administrator proved that the recovery kit could be used.",
    "node.stolen": "Keys were stolen: permissions wait, tickets and sessions ended.",
    "study.begun": "The first image of a study arrived.",
    "study.imported": "Images of a study came from a disc, stick, folder or ZIP file.",
    "study.exported": "A study was written for a disc, a stick or a ZIP file.",
    "study.settled": "Nothing more arrived for the quiet time, or an administrator closed it.",
    "study.held": "A study was stopped for now, by a person or for another patient's identity.",
    "study.released": "An administrator ended a hold.",
    "study.withdrawn": "An administrator stopped a study for good.",
    "study.kept": "An administrator lets a study stay though nobody has a permission for it.",
    "study.let_go": "An administrator lets a kept study leave again.",
    "study.deleted": "A study was erased.",
    "study.rebuilt": "Packs that the catalog did not name were taken in; detail says how many.",
    "instance.superseded": "The sender of an image sent another version of it, which counts now.",
    "instance.waiting": "An image waits for the administrator; why says the reason.",
    "waiting.accepted": "The administrator let what waited into the study.",
    "waiting.rejected": "The administrator threw away what waited.",
    "grant.created": "A grant was made; detail says basis, staff, audience and command.",
    "grant.revoked": "A grant was revoked; detail says how many transfers that stopped.",
    "share.registered": "A share became known, from the administrator or with a first request.",
    "share.revoked": "A share was revoked.",
    "pairing.invited": "Another node was invited to pair, on a line or by file.",
    "pairing.begun": "Another node took an invitation up, or this one took one up; its words are"
    " there to compare.",
    "pairing.confirmed": "Somebody here confirmed that both sides have the same words.",
    "pairing.ended": "A pairing ended otherwise than with trust; detail says how.",
    "peer.added": "Another node was added.",
    "peer.trusted": "Another node was trusted.",
    "peer.suspended": "Another node was suspended.",
    "peer.revoked": "Another node was revoked.",
    "peer.key_changed": "Another node goes on under a new key, with records that prove it.",
    "peer.identity_differs": "Another node showed records that are not those it is known by; detail"
    " says whether it was suspended over them.",
    "peer.stale": "A peer's last status card ended long ago: nothing is exchanged with it.",
    "peer.fresh": "A stale peer has shown a newer card, and is trusted again.",
    "log.differs": "This node's own log is not what a peer has seen of it.",
    "peer.log_differs": "Another node showed a log that contradicts what it showed before.",
    "peer.recalled": "Another node was asked what it remembers of this one; detail has what was"
    " new.",
    "recall.answered": "Another node was told what this one remembers of it.",
    "fetch.answered": "Another node asked for a study and got a ticket for it.",
    "fetch.refused": "A request with sound capabilities was refused; detail has the code.",
    "fetch.asked": "An administrator here began to fetch a study.",
    "fetch.done": "A fetched study is complete, checked and stored here.",
    "fetch.failed": "A fetch ended for good; detail has the code.",
    "receipt.taken": "Another node confirmed, signed, what it stored.",
    "link.made": "A link can be used; detail says how often, and whether it asks for a passcode.",
    "link.unlocked": "A node passed the protection of a link; detail says which use that was.",
    "link.wrong_passcode": "A node gave a wrong passcode for a link; detail says which one it was.",
    "link.code_sent": "A node gave a link that asks for a one-time code, and the code was sent.",
    "link.wrong_code": "A node gave a wrong one-time code for a link; detail says why it is none.",
    "link.reopened": "An administrator allowed new attempts at a link's passcode.",
    "link.revoked": "A link was revoked with everything that was shared with it.",
    "link.opened": "A reader passed the protection of a link in a browser.",
    "link.sent": "The node sent a link to whom the patient named; no address is in the log.",
    "link.tested": "The patient tried a link as its reader would open it.",
    "patient_link.made": "A patient's link was made, at release or by the desk.",
    "patient_link.opened": "Somebody opened a patient's link with the PIN.",
    "patient_link.wrong_pin": "A wrong PIN was given; detail says which one it was.",
    "patient_link.claimed": "A browser's own key took the place of a patient's link.",
    "patient_link.pin_set": "The PIN of a visit was set.",
    "patient_link.reopened": "New attempts at a PIN were allowed.",
    "patient_link.ended": "A patient's link or key was ended with everything it had shared.",
    "study.viewed": "A browser was shown images or a report of a study.",
    "study.copied": "A browser began to download a study.",
    "staff.added": "Somebody of the practice can sign in.",
    "staff.disabled": "Somebody of the practice can sign in no more.",
    "staff.reset": "Somebody of the practice got a new password.",
    "staff.signed_in": "Somebody of the practice signed in at the desk.",
    "staff.signed_off": "Somebody of the practice signed off at the desk.",
    "staff.enrolled": "An authenticator of one of the practice's people was set up.",
    "study.identity_changed": "A patient's identity was taken over as the department sent it.",
    "report.attached": "A report was stored in its study; detail has its state.",
    "report.waiting": "A report came that belongs to no study yet.",
    "report.discarded": "An administrator threw a report away that had no study.",
    "notice.sent": "Another node was told what happened to a study it has; detail has its answer.",
    "notice.taken": "Another node told what happened to a study that was fetched from it.",
    "consent.recorded": "A decision of a patient, or of somebody for them, was taken down.",
    "consent.withdrawn": "A consent was taken back, and every grant that names it ended.",
    "visit.joined": "A study belongs to the visit that a consent opened.",
    "visit.left": "Somebody decided that a study does not belong to a visit.",
    "visit.released": "A study of a visit was released to those whom the patient names.",
    "visit.contacts": "Somebody said where the link of a visit is to go.",
    "visit.use_notices": "A patient wants to hear of each use from now on, or not any more.",
    "visit.printed": "The sheet of paper that opens a visit was made.",
    "staff.passkey_added": "Somebody at the desk set a passkey up.",
    "staff.passkey_removed": "Somebody at the desk took a passkey away.",
    "visit.instructed": "The desk did something for a patient; why says who told them to.",
    "message.waiting": "A person had a message sent once more.",
    "message.sent": "A mail server or gateway took a message to a person over.",
    "message.unsure": "A message may have been sent: the other side fell silent at the end.",
    "message.failed": "A message was refused for good, or given up.",
    "message.cancelled": "A message was not sent, because it was not needed any more.",
    "offer.handed": "An offer was handed to another node, or given up.",
    "outgoing.dropped": "An administrator gave an offer or notice up that waited for another node.",
    "offer.taken": "Another node handed an offer to this one.",
    "offer.accepted": "What another node offers is being fetched.",
    "offer.refused": "Somebody decided not to fetch what another node offers.",
    "queue.added": "Something waits for a person to decide.",
    "queue.resolved": "It was decided, or came right by itself.",
    "sender.appeared": "An unknown sender sent a first image, which is kept in quarantine.",
    "sender.added": "Somebody may send images; detail says how they are known.",
    "sender.trusted": "An unknown sender may send from now on, or another one was changed.",
    "sender.removed": "A sender is refused from now on.",
    "quarantine.released": "What an unknown sender had sent of a study was let in.",
    "quarantine.erased": "What an unknown sender had sent of a study was erased.",
    "quarantine.begun": "A first image of a study came from an unknown sender.",
    "pacs.added": "An archive of the practice was added.",
    "pacs.removed": "An archive of the practice was removed.",
    "query.answered": "A workstation searched; detail says for what, and how many answers it got.",
    "retrieve.begun": "Images of a study leave for a workstation, or where it wants them sent.",
    "retrieve.ended": "Detail says how many were taken, and how many were not.",
    "pull.asked": "Somebody asked for studies of an archive of the practice.",
    "pull.ended": "They are here, or detail says how it ended.",
    "delivery.asked": "A study is to go into an archive of the practice.",
    "delivery.matched": "The node found its patient there without doubt.",
    "delivery.done": "All of it is in the archive, under the local identity.",
    "delivery.failed": "The archive refused some of it.",
    "delivery.cancelled": "It does not go there any more.",
}
_EVENT_IDS: Final[Mapping[str, str]] = {
    "110100": "Application Activity",
    "110102": "Begin Transferring DICOM Instances",
    "110103": "DICOM Instances Accessed",
    "110104": "DICOM Instances Transferred",
    "110105": "DICOM Study Deleted",
    "110106": "Export",
    "110107": "Import",
    "110110": "Patient Record",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
}
_ACTIONS: Final = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "execute"}


def settings() -> str:
    """Return the page of all settings."""
    rows = []
    for key, field in FIELDS.items():
        form = field.kind.form
        variable = (
            ""
            if key in {"dicom.senders", "watch.folders"}
            else f"`UNDISC_{key.upper().replace('.', '__')}`"
        )
        rows.append(f"| `{key}` | {_default(field.default)} | {form} | {field.text} | {variable} |")
    table = "\n".join(rows)
    return f"""# Settings

{NOTE.format(origin="undisc_node.config.FIELDS")}

Settings are read once, when the node starts. A setting can stand in four places; the first of them
that has it wins:

1. the command line: `undisc-node --set public.port=9480 serve`, for this run only;
2. the environment: `UNDISC_PUBLIC__PORT=9480`;
3. `undisc.toml` in the node's home;
4. the default in the table below.

An unknown key, or a variable that begins with `UNDISC_` and names no setting, stops the start with
a sentence that says which, where it stands, and what was probably meant. `undisc-node config check`
names everything that is wrong; `undisc-node config show --origin` shows every value and where it
was set.

| setting | default | what it may be | what it is | variable |
|---|---|---|---|---|
{table}

In the file, the part before the dot is a table: `public.port` is `port` under `[public]`. A list
in a variable, or behind `--set`, is separated by spaces.

`_FILE` at the end of a variable names a file that holds the value, of at most 64 KiB:
`UNDISC_NAME_FILE=/run/secrets/name`. Space at its beginning and end does not count. A variable with
`_FILE` and one without, for the same setting, stop the start. A secret is taken from the file
system or the environment and never from `--set`, because other users of the machine can read a
command line; `undisc-node doctor` warns of a file that others can read.

Some platforms make variables by themselves. Kubernetes does for a service of the name `undisc`:
set `enableServiceLinks: false`, or give the service another name.

The home itself is no setting. It comes from `--home`, else from `UNDISC_HOME`, else it is `undisc`
in the user's data directory (on Linux `~/.local/share/undisc`).

## DICOM senders

Each sender is a table of its own. `address` is one IP address or a network. With `ae_title`, a
sender at this address must use exactly this title; a title never lets another address in. With
`may_query = true` it may also search and retrieve. An address that is not listed is refused before
any DICOM is read, unless `dicom.unknown_senders` says otherwise.

Senders can also be added while the node runs, by certificate as well as by address: see
`undisc senders`. Those in the file cannot be changed by that command,
and a name in the file comes before the same name there.

```toml
[[dicom.senders]]
name = "ct1"
address = "192.168.1.20"

[[dicom.senders]]
name = "ward"
address = "10.1.2.0/24"
ae_title = "WARD_PACS"
```

## Watch folders

Each folder is a table of its own. Stored files are moved to its folder `done`, or deleted with
`delete = true`; what cannot be stored goes to `failed`, with the reason beside it.

```toml
[[watch.folders]]
name = "ultrasound 2"
path = "/srv/drop/ultrasound2"
delete = true
```
"""


def _default(value: object) -> str:
    return {"[]": "none", "False": "`false`"}.get(str(value), f"`{value}`")


def events() -> str:
    """Return the page of all events of the log."""
    rows = "\n".join(
        f"| `{kind}` | {_EVENTS[kind]} | {number} {_EVENT_IDS[number]} | {_ACTIONS[action]} |"
        for kind, (number, action) in KINDS.items()
    )
    return f"""# Events of the log

{NOTE.format(origin="undisc_node.services.auditing.KINDS")}

The command `undisc log` shows these events. Each is written in the same database change as what it
records. Their fields map to the DICOM audit message (PS3.15 A.5); the layout of an event is in
`protocol/SPEC.md` §7. Requests that are refused before their capabilities can be checked are only
counted: `undisc status
--json` shows the counts since the start, as `refusals`.

An event names studies by our id, by UID and by patient ID. So the log is patient data.

| event | what happened | DICOM EventID | action |
|---|---|---|---|
{rows}

The outcome of an event is 0 (success), 4 (minor failure: `fetch.refused`, `fetch.failed`) or 8
(serious failure: `peer.log_differs`, `peer.identity_differs`, `log.differs`).
"""


def limits() -> str:
    """Return the page of the node's own bounds."""
    described = _attributes(bounds.Bounds.__doc__ or "")
    rows = "\n".join(
        f"| `{field.name}` | {field.default} | {described[field.name]} |"
        for field in fields(bounds.Bounds)
    )
    pace = web_limits.PACE
    return f"""# Limits

{NOTE.format(origin="the bounds in undisc_node.dicom.bounds and undisc_node.web")}

The limits that two nodes must share (sizes of messages, lifetimes, number of images in a study)
are in [SPEC.md §2.3](../../protocol/SPEC.md). A study has at most 32768 images; one image has at
most 4 GiB.

The limits on this page protect one node. They cannot be set in this version.

## DICOM port

| limit | value | of what |
|---|---|---|
{rows}

## HTTP listeners, each of them

| limit | value |
|---|---|
| requests at once | {web_limits.MAX_REQUESTS} |
| requests at once from one IPv4 address or IPv6 /64 | {web_limits.MAX_REQUESTS_OF_ADDRESS} |
| connections at once | {connections.MAX_CONNECTIONS} |
| seconds a connection may be idle without a complete request head | {connections.IDLE_SECONDS:g} |
| slowest pace of a body or a receiver, after {pace.grace:g} seconds | {pace.rate} bytes/s |

A proxy in front of the public listener is one address to it. The size of each body is in
[http-api.md](http-api.md).
"""


def _attributes(docstring: str) -> dict[str, str]:
    """Return what a Google docstring says about each attribute, up to the reason behind `;`."""
    found = re.findall(r"^ {8}(\w+): (.+)$", docstring, re.MULTILINE)
    return {name: text.rstrip(".") for name, text in found}


def doctor() -> str:
    """Return the page of everything the doctor looks at."""
    rows = "\n".join(f"| {one.area} | `{one.name}` | {one.looks_at} |" for one in CHECKS)
    floors = "\n".join(f"| {one.package} | {one.version} | {one.reason} |" for one in FLOORS)
    return f"""# What the doctor looks at

{NOTE.format(origin="undisc_node.checks")}

`undisc-node doctor` runs the checks below, also beside a running node. It changes nothing, and no
check takes longer than {DEADLINE:g} seconds. `--json` prints a list of findings with `name`,
`area`, `level`, `sentence` and `hint`.

| level | meaning | exit code |
|---|---|---|
| `ok` | all is well | 0 |
| `warn` | works, and should be seen to | 0 |
| `skip` | cannot be looked at now; the sentence says why | 0 |
| `fail` | does not work, or is not safe | 1 |

| area | check | looks at |
|---|---|---|
{rows}

Whether stored images are intact is not among these: `undisc-node check` reads them
([how to](../howto/check-a-node.md)).

## Oldest libraries

| library | at least | reason |
|---|---|---|
{floors}
"""


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "settings.md": settings,
    "http-api.md": http_api,
    "errors.md": errors,
    "events.md": events,
    "limits.md": limits,
    "metrics.md": metrics,
    "doctor.md": doctor,
    "dicom-conformance.md": conformance,
}


def stale() -> list[tuple[Path, str]]:
    """Return the pages that are missing or out of date, with the text they should have."""
    wanted: dict[Path, str] = {REFERENCE / name: make() for name, make in PAGES.items()}
    wanted |= {page.path: page.text() for page in cli_reference.PAGES}
    return [
        (path, text)
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def main(arguments: list[str]) -> Any:
    """Write the pages, or only compare; the exit code says whether any was out of date."""
    found = stale()
    for path, text in found:
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
