"""The practice's archives: which there are, how they are reached, and whether they answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.archive_model import Pacs, Retrieve
from undisc_node.services.auditing import Journal
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.ports import Archives, Catalog, Clock

MAX_ARCHIVES: Final = 64  # each may get every fetched study; a practice has one or two
_MAX_AE_TITLE: Final = 16  # characters (PS3.5 §6.2)
_MAX_ISSUER: Final = 64  # characters (PS3.5 §6.2, LO)
_MAX_PORT: Final = 65_535
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}")
_ADDRESS: Final = re.compile(r"([^@]+)@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PacsWish:
    """How an administrator describes an archive.

    Attributes:
        name: What it shall be called.
        dimse: `AE@HOST:PORT`, or empty.
        url: Base of its DICOMweb services, or empty.
        calling_ae: Our AE title there; empty for the node's own.
        credentials: Path of a file with `user:password`, or empty.
        retrieve: How studies are brought from it; None for the usual way.
        takes_fetched: Whether fetched studies go there by themselves.
        issuer: Issuer of its patient ids, or empty.
    """

    name: str
    dimse: str = ""
    url: str = ""
    calling_ae: str = ""
    credentials: str = ""
    retrieve: Retrieve | None = None
    takes_fetched: bool = False
    issuer: str = ""


class Archiving:
    """Administers the practice's archives.

    Args:
        catalog: Rows.
        archives: Opens archives.
        journal: The log.
        clock: Time.
        ae_title: Our own AE title.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        archives: Archives,
        journal: Journal,
        clock: Clock,
        ae_title: str,
    ) -> None:
        self._catalog = catalog
        self._archives = archives
        self._journal = journal
        self._clock = clock
        self._ae_title = ae_title

    def add(self, wish: PacsWish, actor: str) -> Pacs:
        """Keep an archive; its address and its credentials file are tried, the archive is not.

        Raises:
            Invalid: Something of the wish cannot be used.
            Conflict: There is one by that name, or there are too many.
            Unavailable: Its name has no address.
        """
        pacs = self._read(wish)
        self._archives.open(pacs)
        with self._catalog.change() as records:
            if records.pacs.get(pacs.name) is not None:
                raise Conflict(
                    f"there is a PACS called '{pacs.name}' already",
                    code="pacs_exists",
                    hint="remove it first, or choose another name",
                )
            if len(records.pacs.list()) >= MAX_ARCHIVES:
                raise Conflict(f"there are {MAX_ARCHIVES} PACS already", code="too_many")
            records.pacs.put(pacs)
            self._journal.note(
                records,
                "pacs.added",
                who=auditing.user(actor),
                detail={"pacs": pacs.name, "takes_fetched": int(pacs.takes_fetched)},
            )
        return pacs

    def list(self) -> list[Pacs]:
        """List all archives in alphabetical order."""
        with self._catalog.look() as records:
            return list(records.pacs.list())

    def find(self, name: str = "") -> Pacs:
        """Return the archive of that name; without a name, the only one.

        Raises:
            NotFound: There is none.
            Conflict: No name was given, and there are several.
        """
        known = self.list()
        if not known:
            raise NotFound(
                "no PACS is configured",
                code="no_pacs",
                hint="add one: undisc pacs add NAME --dimse AE@HOST:PORT",
            )
        if not name:
            if len(known) > 1:
                raise Conflict(
                    "there is more than one PACS",
                    code="which_pacs",
                    hint=f"name one of: {', '.join(one.name for one in known)}",
                )
            return known[0]
        for one in known:
            if one.name == name:
                return one
        raise NotFound(
            "no PACS has that name",
            code="no_pacs",
            hint=f"name one of: {', '.join(one.name for one in known)}",
        )

    def echo(self, name: str) -> Pacs:
        """Ask an archive whether it answers.

        Raises:
            NotFound: No such archive.
            Unavailable: It does not answer.
            Refused: It does not let us in.
        """
        pacs = self.find(name)
        self._archives.open(pacs).echo()
        return pacs

    def remove(self, name: str, actor: str) -> Pacs:
        """Forget an archive; studies on their way there stay here.

        Raises:
            NotFound: No such archive.
        """
        pacs = self.find(name)
        with self._catalog.change() as records:
            records.pacs.remove(pacs.name)
            self._journal.note(
                records, "pacs.removed", who=auditing.user(actor), detail={"pacs": pacs.name}
            )
        return pacs

    def _read(self, wish: PacsWish) -> Pacs:
        if not _NAME.fullmatch(wish.name):
            raise Invalid(
                "a PACS is called by 1 to 32 letters, digits, spaces, dots, dashes or underscores",
                code="bad_name",
            )
        if bool(wish.dimse) == bool(wish.url):
            raise Invalid(
                "a PACS has either a DIMSE address or a DICOMweb URL",
                hint="--dimse AE@HOST:PORT, or --dicomweb URL",
            )
        ae_title, host, port = read_dimse(wish.dimse) if wish.dimse else ("", "", 0)
        calling = _ae_title(wish.calling_ae or self._ae_title) if wish.dimse else ""
        usual = Retrieve.MOVE if wish.dimse else Retrieve.WADO
        retrieve = wish.retrieve or usual
        if (retrieve is Retrieve.WADO) != bool(wish.url):
            raise Invalid(
                f"'{retrieve}' is not how studies come from such a PACS",
                hint="move or get with --dimse, wado with --dicomweb",
            )
        if wish.credentials and not wish.url:
            raise Invalid("credentials belong to a DICOMweb URL; DIMSE has none")
        if len(wish.issuer) > _MAX_ISSUER or "\\" in wish.issuer:
            raise Invalid(f"an issuer has at most {_MAX_ISSUER} characters and no backslash")
        return Pacs(
            name=wish.name,
            ae_title=ae_title,
            host=host,
            port=port,
            calling_ae=calling,
            url=wish.url.rstrip("/"),
            credentials=wish.credentials,
            retrieve=retrieve,
            takes_fetched=wish.takes_fetched,
            issuer=wish.issuer.strip(),
            added_ms=self._clock.now_ms(),
        )


def read_dimse(text: str) -> tuple[str, str, int]:
    """Read `AE@HOST:PORT`.

    >>> read_dimse("ORTHANC@10.1.2.3:4242")
    ('ORTHANC', '10.1.2.3', 4242)

    Raises:
        Invalid: It is not that.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[3]) <= _MAX_PORT:
        raise Invalid(
            "a DIMSE address is AE@HOST:PORT", code="bad_address", hint="as ORTHANC@10.1.2.3:4242"
        )
    return _ae_title(found[1]), found[2].strip("[]"), int(found[3])


def _ae_title(text: str) -> str:
    title = text.strip()
    good = 0 < len(title) <= _MAX_AE_TITLE and title.isascii() and title.isprintable()
    if not good or "\\" in title:
        raise Invalid("an AE title has 1 to 16 ASCII characters and no backslash", code="bad_ae")
    return title
