"""What trusted workstations of the practice may ask for: queries and retrievals (PS3.4 §C).

The searches are those of DICOMweb: one search, two doors. What comes in and goes out here are
values; how they are encoded, and how the sub-operations of a retrieval travel, is in `dicom`.
"""
