"""Builds what watches a running node: readiness and metrics, for the internal listener."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

from undisc_node.backups import last_backup
from undisc_node.clocks import RELEASED_MS, SystemClock, wall_ms
from undisc_node.config import Settings
from undisc_node.metrics.exposition import CONTENT_TYPE, Exposition
from undisc_node.services.auditing import Refusals
from undisc_node.services.errors import Unavailable
from undisc_node.services.measuring import Measuring
from undisc_node.services.meters import Meters
from undisc_node.services.readiness import Readiness
from undisc_node.services.staff import Staff
from undisc_node.storage import home as homes
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.database import sizes
from undisc_node.storage.packs.store import PackStore
from undisc_node.web.asked.uses import AskedUses
from undisc_node.web.desk.uses import DeskUses
from undisc_node.web.dicomweb.uses import DicomWebUses
from undisc_node.web.internal import InternalUses

_MIB = 2**20
_DATABASES = ("catalog", "keyring")


def watch(
    settings: Settings,
    keys: homes.HomeKeys,
    *,
    catalog: SqliteCatalog,
    packs: PackStore,
    refusals: Refusals,
    meters: Meters,
    clock: SystemClock,
    staff: Staff,
    dicomweb: DicomWebUses,
    desk: DeskUses,
    asked: AskedUses,
) -> InternalUses:
    """Build what the internal listener calls.

    Args:
        settings: Home, and the disk's reserve.
        keys: The keys that the node started with.
        catalog: Rows.
        packs: Disk space.
        refusals: What was refused to strangers.
        meters: What passed through.
        clock: Time.
        staff: Says who signs in.
        dicomweb: What DICOMweb calls.
        desk: What the desk calls.
        asked: What a device calls that was handed to a patient.
    """
    readiness = Readiness(
        catalog=catalog,
        packs=packs,
        reserve=settings.reserve_mib * _MIB,
        clock=clock,
        wall_ms=wall_ms,
        released_ms=RELEASED_MS,
        keys=_same_keys(settings, keys),
        elapsed=time.monotonic,
    )
    measuring = Measuring(
        catalog=catalog,
        packs=packs,
        refusals=refusals,
        meters=meters,
        clock=clock,
        elapsed=time.monotonic,
        checks=readiness.checks,
        databases=lambda: {name: sizes(settings.home / f"{name}.sqlite3") for name in _DATABASES},
        kit_verified=lambda: homes.read_home(settings.home).kit_verified,
        backed_up_ms=lambda: _backed_up_ms(settings),
        reserve=settings.reserve_mib * _MIB,
        version=version("undisc"),
    )
    return InternalUses(
        checks=readiness.checks,
        metrics=Exposition(measuring.figures).text,
        metrics_type=CONTENT_TYPE,
        staff=staff,
        dicomweb=dicomweb,
        desk=desk,
        asked=asked,
    )


def _backed_up_ms(settings: Settings) -> int | None:
    """Return when the newest good backup was made, ms; None if there was none."""
    newest = last_backup(settings.home)
    return newest.at_ms if newest else None


def _same_keys(settings: Settings, keys: homes.HomeKeys) -> Callable[[], None]:
    """Make the check that the key files are there, and are those that the node works with."""

    def check() -> None:
        here = homes.read_home(settings.home)
        if (here.node_seed, here.key_encryption_key, here.records) != (
            keys.node_seed,
            keys.key_encryption_key,
            keys.records,
        ):
            raise Unavailable("the key files are other ones than at the start", code="keys_changed")

    return check
