"""Real archives for tests: DCMTK's `dcmqrscp` and Debian's Orthanc, ended by their process ids."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.servers import Server
from support.dcmtk import dcmtk
from support.programs import needed, package
from undisc_node.demo.nodes import free_port

_WEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class QueryServer:
    """DCMTK's `dcmqrscp`: an archive that knows one other AE title.

    Args:
        folder: For its images and configuration.
        node_ae: The AE title of the node.
        node_port: Where the node's DICOM port is.
    """

    title = "ARCHIVE"

    def __init__(self, folder: Path, *, node_ae: str, node_port: int) -> None:
        self.port = free_port()
        (folder / "images").mkdir(parents=True)
        (folder / "dcmqrscp.cfg").write_text(
            "NetworkTCPPort = 0\nMaxPDUSize = 16384\nMaxAssociations = 8\n"
            "HostTable BEGIN\n"
            f"node = ({node_ae}, localhost, {node_port})\n"
            "HostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\n"
            f"{self.title} {folder / 'images'} RW (100, 1024mb) ANY\nAETable END\n",
            "ascii",
        )
        argv = [dcmtk("dcmqrscp"), "-c", str(folder / "dcmqrscp.cfg"), str(self.port)]
        self._server = Server(argv, folder=folder, port=self.port)

    @property
    def address(self) -> str:
        """How `undisc pacs add --dimse` names it."""
        return f"{self.title}@127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it."""
        self._server.stop()


class OrthancArchive:
    """Debian's Orthanc with its DICOMweb plugin.

    Args:
        folder: For its storage.
        node_ae: The AE title of the node.
        node_port: Where the node's DICOM port is.
        changes: Further settings.
    """

    title = "ORTHANC"

    def __init__(
        self, folder: Path, *, node_ae: str, node_port: int, changes: Mapping[str, object] = {}
    ) -> None:
        folder.mkdir(parents=True)
        program = package("Orthanc", "orthanc")
        package("Orthanc", "orthanc-dicomweb")
        needed(_WEB_PLUGIN.exists(), "orthanc-dicomweb is not installed")
        self.http, self.port = free_port(), free_port()
        wish: dict[str, object] = {
            "Name": "archive",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http,
            "DicomPort": self.port,
            "DicomAet": self.title,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "SaveJobs": False,
            "StableAge": 1,
            "DicomModalities": {
                "node": {
                    "AET": node_ae,
                    "Host": "127.0.0.1",
                    "Port": node_port,
                    "AllowStorageCommitment": True,
                }
            },
            "Plugins": [str(_WEB_PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **changes,
        }
        (folder / "orthanc.json").write_text(json.dumps(wish), "utf-8")
        self._server = Server(
            [program, str(folder / "orthanc.json")], folder=folder, port=self.http
        )

    @property
    def address(self) -> str:
        """How `undisc pacs add --dimse` names it."""
        return f"{self.title}@127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """How `undisc pacs add --dicomweb` names it."""
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def raw(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ask its REST API; return the bytes of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        assert answer.status == http.client.OK, (method, path, answer.status, said[:500])
        return said

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask its REST API; return what its JSON says."""
        return json.loads(
            self.raw(method, path, b"" if body is None else json.dumps(body).encode())
        )

    def load(self, files: Sequence[bytes]) -> None:
        """Give it files."""
        for one in files:
            self.raw("POST", "/instances", one)

    def files(self) -> dict[str, bytes]:
        """Return its files by SOP Instance UID."""
        found = {}
        for one in self.ask("GET", "/instances"):
            uid = self.ask("GET", f"/instances/{one}")["MainDicomTags"]["SOPInstanceUID"]
            found[uid] = self.raw("GET", f"/instances/{one}/file")
        return found

    def empty(self) -> None:
        """Delete all patients."""
        for patient in self.ask("GET", "/patients"):
            self.raw("DELETE", f"/patients/{patient}")

    def stop(self) -> None:
        """End it."""
        self._server.stop()
