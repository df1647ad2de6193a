"""Keeps the libraries that decode pixels out of the node's own process; import it before pydicom.

pydicom loads every decoder that it finds, whether or not somebody decodes. These are C and C++, one
brings an OpenSSL of its own, and the node never decodes: its workers do (`dicom.rendering`), and
they do not come by here.
"""

from __future__ import annotations

import sys
from typing import Any, Final, cast

DECODERS: Final = ("gdcm", "openjpeg", "PIL")
_PROGRAMS: Final = ("undisc-node", "undisc_node/__main__.py")

if sys.argv[0].endswith(_PROGRAMS):  # tests load the same modules beside their own libraries
    for _name in DECODERS:
        cast("dict[str, Any]", sys.modules).setdefault(_name, None)  # None: cannot be imported
