"""DICOMweb of a real node, judged by dicomweb-client and byte by byte."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pydicom
import pytest

from support.dicom_files import storable_files
from support.dicomweb import basic, dicomweb_node, parts_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # pydicom warns about oddities of its test files
]
FILES = storable_files()


def identity(content: bytes):
    """UIDs of a file, as pydicom reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
    return str(read.StudyInstanceUID), str(read.SeriesInstanceUID), str(read.SOPInstanceUID)


@pytest.fixture(scope="module")
def files():
    """One file for each SOP Instance UID; some of the set share theirs."""
    found = {}
    for path in FILES.values():
        content = path.read_bytes()
        found.setdefault(identity(content)[2], content)
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory, files):
    """A node that got every storable file of pydicom's set by STOW-RS, in requests of twenty."""
    with dicomweb_node(tmp_path_factory.mktemp("dicomweb")) as node:
        contents = list(files.values())
        node.answers = [
            node.post(contents[start : start + 20]) for start in range(0, len(contents), 20)
        ]
        yield node


@pytest.fixture(scope="module")
def ct(files):
    """UIDs of a CT image, and its file."""
    content = FILES["test_files/CT_small.dcm"].read_bytes()
    return (*identity(content), content)


def test_every_storable_file_is_stored_and_named_in_the_answer(served, files):
    stored = []
    for answer in served.answers:
        assert answer.status_code in {200, 202}
        assert "00081198" not in answer.json()
        stored += [item["00081155"]["Value"][0] for item in answer.json()["00081199"]["Value"]]
    assert sorted(stored) == sorted(files)


def test_every_file_comes_back_byte_for_byte(served, files):
    waiting = 0
    for sop, content in files.items():
        study, series, _ = identity(content)
        answer = served.get(f"/studies/{study}/series/{series}/instances/{sop}")
        if answer.status_code == 404:  # of another patient than its study: it waits for a person
            waiting += 1
            continue
        ((head, found),) = parts_of(answer)
        assert found == content
        assert head["Content-Type"].startswith("application/dicom; transfer-syntax=1.2")
        assert int(head["Content-Length"]) == len(content)
    assert waiting < 5


# --- Searching ----------------------------------------------------------------------------------


def test_studies_are_found_by_what_people_know(served, ct):
    study = ct[0]
    read = pydicom.dcmread(io.BytesIO(ct[3]))
    for wish in (
        {"StudyInstanceUID": study},
        {"PatientName": "compressedsamples^ct1", "StudyDate": "20040101-20041231"},
        {"PatientID": "1CT1", "ModalitiesInStudy": "CT"},
    ):
        found = served.client.search_for_studies(search_filters=wish)
        assert study in {one["0020000D"]["Value"][0] for one in found}, wish
    (one,) = served.client.search_for_studies(search_filters={"StudyInstanceUID": study})
    assert one["00100010"]["Value"] == [{"Alphabetic": str(read.PatientName)}]
    assert one["00200010"]["Value"] == [read.StudyID]
    assert one["00201206"]["Value"] == [1]
    assert one["00201208"]["Value"] == [1]
    assert one["00081190"]["Value"] == [f"{served.url}/studies/{study}"]


def test_fuzzy_names_pages_and_fields(served):
    found = served.client.search_for_studies(
        search_filters={"PatientName": "ct1 compr"}, fuzzymatching=True, fields=["StudyTime"]
    )
    assert len(found) == 1
    every = served.client.search_for_studies()
    pages = [served.client.search_for_studies(limit=10, offset=start) for start in range(0, 60, 10)]
    assert [one["0020000D"] for page in pages for one in page] == [one["0020000D"] for one in every]
    answer = served.get("/studies", limit="1", PatientWeight="70", nonsense="1")
    assert answer.status_code == 200
    assert "were ignored: nonsense, 00101030" in answer.headers["Warning"]
    assert "more results" in answer.headers["Warning"]


def test_series_and_instances_are_found(served, ct):
    study, series, sop, _ = ct
    (one,) = served.client.search_for_series(study)
    assert one["0020000E"]["Value"] == [series]
    assert one["00201209"]["Value"] == [1]
    assert one["00080060"]["Value"] == ["CT"]
    (one,) = served.client.search_for_instances(study, series, fields=["00280030"])
    assert one["00080018"]["Value"] == [sop]
    assert one["00280010"]["Value"] == [128]
    assert len(one["00280030"]["Value"]) == 2
    assert served.client.search_for_instances(search_filters={"SOPInstanceUID": sop})
    assert served.client.search_for_series(search_filters={"Modality": "XX"}) == []
    assert served.get(f"/studies/{study}/instances", includefield="all").json()[0]["00081030"]


@pytest.mark.parametrize(
    "query", [{"limit": "x"}, {"StudyDate": "tomorrow"}, {"StudyInstanceUID": "1.2'"}]
)
def test_a_search_that_cannot_be_read_is_refused(served, query):
    answer = served.get("/studies", **query)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_query"


# --- Retrieving ---------------------------------------------------------------------------------


def test_a_study_a_series_and_their_descriptions(served, ct):
    study, series, sop, content = ct
    assert parts_of(served.get(f"/studies/{study}"))[0][1] == content
    assert parts_of(served.get(f"/studies/{study}/series/{series}"))[0][1] == content
    single = served.get(f"/studies/{study}/series/{series}/instances/{sop}", "application/dicom")
    assert single.content == content
    for found in (
        served.client.retrieve_study_metadata(study),
        served.client.retrieve_series_metadata(study, series),
        [served.client.retrieve_instance_metadata(study, series, sop)],
    ):
        read = pydicom.Dataset.from_json(found[0], lambda *_: b"")
        assert read.SOPInstanceUID == sop
        assert read.PatientName == "CompressedSamples^CT1"


def test_frames_and_bulk_data_are_the_pixels(served, ct):
    study, series, sop, content = ct
    pixels = pydicom.dcmread(io.BytesIO(content)).PixelData
    assert served.client.retrieve_instance_frames(study, series, sop, [1]) == [pixels]
    told = served.client.retrieve_instance_metadata(study, series, sop)
    assert served.client.retrieve_bulkdata(told["7FE00010"]["BulkDataURI"]) == [pixels]
    path = f"/studies/{study}/series/{series}/instances/{sop}/frames/"
    assert served.get(path + "2").status_code == 404
    assert served.get(path + "0").status_code == 400
    assert served.get(path + "1", "image/jp2").status_code == 406


def test_compressed_frames_stay_compressed(served):
    content = FILES["test_files/examples_ybr_color.dcm"].read_bytes()
    wanted = list(pydicom.encaps.generate_frames(pydicom.dcmread(io.BytesIO(content)).PixelData))
    found = served.client.retrieve_instance_frames(*identity(content), [1, 3, len(wanted)])
    assert found == [wanted[0], wanted[2], wanted[-1]]


def test_images_for_people(served, ct):
    study, series, sop, _ = ct
    path = f"/studies/{study}/series/{series}/instances/{sop}"
    jpeg = served.get(path + "/rendered", "image/jpeg", viewport="64,64")
    assert jpeg.content.startswith(b"\xff\xd8")
    assert served.get(path + "/frames/1/rendered", "image/png").content.startswith(b"\x89PNG")
    for place in (path, f"/studies/{study}/series/{series}", f"/studies/{study}"):
        assert served.get(place + "/thumbnail", "image/*").headers["Content-Type"] == "image/jpeg"


def test_the_node_itself_never_loads_a_decoder(served):
    """After images were rendered, the decoders are in no map of the node's process.

    numpy is: pydicom loads it where it finds it. It reads no stranger's bytes there.
    """
    loaded = Path(f"/proc/{served.node.pid}/maps").read_text()
    assert "_cffi_backend" in loaded
    for library in ("gdcm", "PIL/", "openjpeg"):
        assert library not in loaded


# --- Storing and signing in ---------------------------------------------------------------------


def test_dicomweb_client_stores_too(served, ct):
    answer = served.client.store_instances([pydicom.dcmread(io.BytesIO(ct[3]))])
    assert "ReferencedSOPSequence" in answer


def test_what_cannot_be_stored_is_told_for_each_instance(served, ct):
    answer = served.post([b"no dicom at all", ct[3]])
    assert answer.status_code == 202
    assert answer.json()["00081198"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    assert len(answer.json()["00081199"]["Value"]) == 1
    other = served.post([ct[3]], "/studies/1.2.3")
    assert other.status_code == 409
    assert other.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA901]
    assert served.post([]).status_code == 400
    assert served.post([ct[3]], kind="application/dicom").status_code == 415
    cut = served.session.post(
        served.url + "/studies",
        data=b"--x\r\n\r\nabc",
        headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'},
        timeout=60,
    )
    assert cut.status_code == 400


def test_nobody_gets_in_without_name_and_password(served, ct):
    for headers in ({}, basic(password="wrong words all of them"), {"Authorization": "Basic !"}):
        answer = served.session.get(
            f"{served.url}/studies/{ct[0]}", headers=headers, auth=NoAuth(), timeout=60
        )
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.json()["error"]["code"] == "not_signed_in"


class NoAuth:
    def __call__(self, request):
        return request


def test_a_study_that_is_held_is_not_there(served, ct):
    study = ct[0]
    shown = next(one for one in served.node.studies() if one["uid"] == study)
    served.node.admin.post(f"studies/{shown['id']}/hold", {"reason": "test"})
    try:
        assert served.get(f"/studies/{study}").status_code == 404
        assert served.get("/studies", StudyInstanceUID=study).json() == []
        assert served.get(f"/studies/{study}/series").status_code == 404
    finally:
        served.node.admin.post(f"studies/{shown['id']}/release", {})
