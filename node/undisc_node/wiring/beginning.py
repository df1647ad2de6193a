"""What a node begins with: who it is, the time of its log, how old its last backup is."""

from __future__ import annotations

from undisc_node.backups import last_backup
from undisc_node.clocks import SystemClock
from undisc_node.config import Settings
from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Invalid
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.witnessed_time import TRUSTED, newest_time_ms
from undisc_node.storage import home as homes
from undisc_node.storage.catalog import SqliteCatalog
from undisc_protocol.identity import read_identity
from undisc_protocol.keys import SignKey, box_key


def own_identity(settings: Settings, keys: homes.HomeKeys) -> OwnIdentity:
    """Return who the node is.

    Raises:
        Invalid: Keys and identity record do not belong together.
    """
    identity = read_identity(keys.records)
    key = SignKey.from_seed(keys.node_seed)
    if key.did != identity.key:
        raise Invalid(
            "the node key is not the one in the newest identity record",
            code="wrong_key",
            hint="restore the keys directory and the files identity-* that belong together",
        )
    return OwnIdentity(
        key=key,
        box=box_key(keys.node_seed),
        identity=identity,
        name=settings.name,
        urls=settings.public_urls,
        demo=keys.demo,
    )


def go_on_in_time(
    catalog: SqliteCatalog, clock: SystemClock, journal: Journal, *, trust: bool
) -> None:
    """Let time begin where the log ends: what had ended stays so with a clock that is behind."""
    if trust:
        with catalog.change() as records:
            journal.note(records, TRUSTED, who=auditing.user("undisc-node"))
    with catalog.look() as records:
        clock.not_before(newest_time_ms(records))


def backed_up_ms(settings: Settings) -> int | None:
    """Return until when everything is in a backup, ms; None where the settings name none."""
    if not settings.backup_path:
        return None
    newest = last_backup(settings.home)
    return newest.at_ms if newest else 0
