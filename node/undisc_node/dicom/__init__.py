"""DICOM in and out: the only package that knows pydicom and pynetdicom.

Everything here takes bytes from strangers. Two rules follow for the whole package:

- The libraries' own log lines and warnings quote values of data sets, so they stay inside: what is
  logged is written by this package and names senders, addresses, counts and reasons only.
- Values are read by the bounded scanner in `scan`, never by a recursive parser.
"""

from __future__ import annotations

import logging

for _library in ("pydicom", "pynetdicom"):
    _logger = logging.getLogger(_library)
    _logger.addHandler(logging.NullHandler())
    _logger.propagate = False  # their messages can hold names and identifiers of patients
    _logger.setLevel(logging.CRITICAL + 1)  # whatever level the node's own lines have
