"""One CT image of the benchmark's study (PS3.3 §A.3)."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from bench.study import SERIES, uid
from undisc_node.dicom.part10 import IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION


def dicom_image(index: int, pixels: bytes) -> Dataset:
    """Return an image of 512 × 512 signed 16-bit values."""
    sop_uid = UID(uid(10 + index))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    image = Dataset()
    image.file_meta = meta
    image.SpecificCharacterSet = "ISO_IR 192"
    image.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = sop_uid
    image.StudyDate = image.SeriesDate = image.ContentDate = "20260302"
    image.StudyTime = image.SeriesTime = image.ContentTime = "101500"
    image.AccessionNumber = "UD-BENCH-1"
    image.Modality = "CT"
    image.Manufacturer = "undisc benchmark"
    image.ReferringPhysicianName = "BENCH^DOCTOR"
    image.StudyDescription = "CT HEAD BENCHMARK"
    image.SeriesDescription = f"pass {index % SERIES + 1}"
    image.PatientName = "BENCH^MARK"
    image.PatientID = "BENCH-0001"
    image.PatientBirthDate = "19700101"
    image.PatientSex = "O"
    image.SliceThickness = 0.2856
    image.KVP = 120
    image.PatientPosition = "HFS"
    image.StudyInstanceUID = uid(0)
    image.SeriesInstanceUID = uid(1 + index % SERIES)
    image.StudyID = "1"
    image.SeriesNumber = 1 + index % SERIES
    image.InstanceNumber = 1 + index // SERIES
    image.ImagePositionPatient = [-122.5, -122.5, round(index * 0.07, 4)]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.FrameOfReferenceUID = uid(9)
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows = image.Columns = 512
    image.PixelSpacing = [0.4785, 0.4785]
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = 1
    image.RescaleIntercept, image.RescaleSlope = 0, 1
    image.WindowCenter, image.WindowWidth = 40, 400
    image.PixelData = pixels
    return image
