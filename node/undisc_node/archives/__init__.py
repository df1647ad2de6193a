"""The practice's own archives (PACS): where they are, and how DIMSE or DICOMweb is spoken there.

Stands above `dicom` and `peers`: DIMSE is spoken there, and connections are vetted there. DICOMweb
towards an archive is spoken here.
"""
