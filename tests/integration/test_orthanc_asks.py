"""Debian's Orthanc asks a real node: it searches, and lets the node send to it, also over TLS."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from support.archive_servers import OrthancArchive
from support.dcmtk import dcmtk
from support.programs import package
from support.two_nodes import RunningNode, dicom_file, pixels, short_directory
from support.workstation import data_set_bytes, got, keys, kinds_of
from undisc_node.demo.nodes import free_port

pytestmark = pytest.mark.integration

FILES = [
    dicom_file(
        number, study="1.4.1", patient_id=b"P-7", name=b"DOE^JANE", extra=pixels(bytes(9_000))
    )
    for number in range(1, 13)
]


class TlsNode(RunningNode):
    """A node with both DICOM ports, whose sender may query."""

    tls_port = 0
    certificate = Path()

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "UNDISC_DICOM__TLS_PORT": str(self.tls_port),
            "UNDISC_DICOM__TLS_CERTIFICATE": str(self.certificate),
            "UNDISC_DICOM__TLS_KEY": str(self.certificate.with_name("key.pem")),
        }


@dataclass(frozen=True)
class Clinic:
    """A node that holds a study, and an archive that may ask for it."""

    node: TlsNode
    orthanc: OrthancArchive


def make_certificate(folder: Path) -> Path:
    """Make a key and a certificate that signs itself."""
    made = folder / "certificate.pem"
    argv = [
        package("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes",
        "-days", "2", "-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(folder / "key.pem"), "-out", str(made),
    ]  # fmt: skip
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    return made


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    with short_directory() as directory:
        node = TlsNode(directory / "n", "Practice")
        node.tls_port, node.certificate = free_port(), make_certificate(directory)
        key = str(directory / "key.pem")
        orthanc = None
        try:
            node.init()
            settings = node.home / "undisc.toml"
            text = settings.read_text("utf-8")
            settings.write_text(
                text.replace('"scanner"\n', '"scanner"\nmay_query = true\n'), "utf-8"
            )
            node.start()
            for one in FILES:
                node.import_bytes(one)
            where = {"AET": "UNDISC", "Host": "127.0.0.1", "AllowEcho": True}
            orthanc = OrthancArchive(
                directory / "orthanc",
                node_ae="UNDISC",
                node_port=node.dicom_port,
                changes={
                    "DicomModalities": {
                        "plain": {**where, "Port": node.dicom_port},
                        "tls": {**where, "Port": node.tls_port, "UseDicomTls": True},
                    },
                    "DicomTlsCertificate": str(node.certificate),
                    "DicomTlsPrivateKey": key,
                    "DicomTlsTrustedCertificates": str(node.certificate),
                },
            )
            node.admin.post("pacs", {"name": "main", "dimse": orthanc.address})
            yield Clinic(node, orthanc)
        finally:
            for one in (node, orthanc):
                if one is not None:
                    one.stop()


@pytest.mark.parametrize("modality", ["plain", "tls"])
def test_orthanc_finds_a_study_and_has_it_sent(clinic, modality):
    """C-FIND and C-MOVE; what arrives is what the node holds, but for Orthanc's own padding."""
    orthanc = clinic.orthanc
    orthanc.empty()
    assert orthanc.ask("POST", f"/modalities/{modality}/echo", {}) == {}

    asked = {"Level": "Study", "Query": {"PatientID": "P-7", "StudyDescription": ""}}
    query = orthanc.ask("POST", f"/modalities/{modality}/query", asked)["ID"]
    assert orthanc.ask("GET", f"/queries/{query}/answers") == ["0"]
    told = orthanc.ask("GET", f"/queries/{query}/answers/0/content?simplify")
    assert (told["StudyInstanceUID"], told["PatientID"]) == ("1.4.1", "P-7")
    orthanc.raw("POST", f"/queries/{query}/answers/0/retrieve", b"ORTHANC")

    arrived = orthanc.files()
    assert len(arrived) == len(FILES)
    for file in FILES:
        sent = dcmread(BytesIO(file))
        assert dcmread(BytesIO(arrived[sent.SOPInstanceUID])) == sent


def test_orthanc_asks_for_series_and_images(clinic):
    orthanc = clinic.orthanc
    for level, above, count in (
        ("Series", {"StudyInstanceUID": "1.4.1"}, 1),
        ("Instance", {"StudyInstanceUID": "1.4.1", "SeriesInstanceUID": "1.4.1.1"}, len(FILES)),
    ):
        query = orthanc.ask("POST", "/modalities/plain/query", {"Level": level, "Query": above})
        assert len(orthanc.ask("GET", f"/queries/{query['ID']}/answers")) == count


def test_dcmtk_finds_and_pynetdicom_retrieves_over_tls(clinic):
    """DCMTK's own retrievers do not speak TLS in this version."""
    certificate = str(clinic.node.certificate)
    keys_of = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.4.1"]
    argv = [dcmtk("findscu"), "+tla", "+cf", certificate, "-S", *keys_of, "127.0.0.1"]
    said = subprocess.run(
        [*argv, str(clinic.node.tls_port)], check=True, timeout=60, capture_output=True
    )
    assert b"1.4.1" in said.stdout + said.stderr

    context = ssl.create_default_context(cafile=certificate)
    address = ("127.0.0.1", clinic.node.tls_port)
    asked = keys(StudyInstanceUID="1.4.1")
    result = got(address, asked, kinds_of(FILES), tls=(context, "127.0.0.1"))
    assert result.status == 0
    assert sorted(result.data_sets.values()) == sorted(map(data_set_bytes, FILES))


def test_every_question_and_every_study_that_left_is_in_the_log(clinic):
    left = clinic.node.events("retrieve.ended")
    assert [one["detail"]["to"] for one in left] == ["ORTHANC", "ORTHANC", "STATION"]
    assert {one["detail"]["images"] for one in left} == {len(FILES)}
    assert len(clinic.node.events("query.answered")) >= 5
    assert "P-7" in json.dumps(clinic.node.events("query.answered")[0])
