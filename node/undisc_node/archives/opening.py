"""Opens configured archives: implements `ports.Archives`.

An administrator typed the address, so private and loopback addresses are allowed; link-local ones,
instance metadata of clouds and other special addresses are not (`peers.addresses`). The decision is
made on the numeric address that is then connected.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from undisc_node.archives.http import WebClient, read_credentials
from undisc_node.archives.web import WebArchive
from undisc_node.dicom.calling import Called
from undisc_node.dicom.committing import Commitments
from undisc_node.dicom.pacs import DimseArchive
from undisc_node.peers.addresses import ForbiddenAddress, check_address
from undisc_node.peers.connector import Resolve, resolve_host
from undisc_node.services.archive_model import Pacs
from undisc_node.services.errors import Invalid, Unavailable
from undisc_node.services.ports import Archive
from undisc_protocol.errors import Unreachable


class ConfiguredArchives:
    """Opens archives by what their rows say.

    Args:
        ae_title: Our AE title, to which archives send by C-MOVE.
        commitments: Asks for storage commitment, and takes reports of our port.
        staging: Where instances that come by WADO-RS lie for a moment.
        random_name: Names files there.
        resolve: Turns names into addresses.
    """

    def __init__(
        self,
        *,
        ae_title: str,
        commitments: Commitments,
        staging: Path,
        random_name: Callable[[], str],
        resolve: Resolve = resolve_host,
    ) -> None:
        self._ae_title = ae_title
        self._commitments = commitments
        self._staging = staging
        self._random_name = random_name
        self._resolve = resolve

    def open(self, pacs: Pacs) -> Archive:
        """Return the archive; nothing is asked yet."""
        if pacs.speaks_web:
            secret = read_credentials(pacs.credentials) if pacs.credentials else ""
            client = WebClient(pacs.url, authorization=secret, resolve=self._resolve)
            return WebArchive(client, staging=self._staging, random_name=self._random_name)
        return DimseArchive(
            pacs,
            self._numeric(pacs.host, pacs.port),
            move_to=self._ae_title,
            commitments=self._commitments,
        )

    def called(self, pacs: Pacs) -> Called:
        """Return where a DIMSE archive is; raises as `open`."""
        return Called(
            self._numeric(pacs.host, pacs.port), pacs.port, pacs.calling_ae, pacs.ae_title
        )

    def _numeric(self, host: str, port: int) -> str:
        """Return the first allowed address of a host.

        Raises:
            Unavailable: It has none for now.
            Invalid: It has none but forbidden ones.
        """
        try:
            found = [str(address[0]) for _, address in self._resolve(host, port)]
        except Unreachable as problem:
            raise Unavailable(str(problem), code="no_address") from problem
        refusal: ForbiddenAddress | None = None
        for address in found:
            try:
                check_address(address, private_addresses=True)
            except ForbiddenAddress as problem:
                refusal = problem
            else:
                return address
        raise Invalid(
            f"the PACS at {host} has no address that this node connects to",
            code="bad_address",
            hint="give the PACS an address of your own network",
        ) from refusal
