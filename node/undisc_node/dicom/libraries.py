"""Settings of pydicom and pynetdicom; import this before either is used.

They are settings of the process, and this package is the libraries' only user.
"""

from __future__ import annotations

from pydicom import config
from pynetdicom import _config

config.settings.reading_validation_mode = config.IGNORE  # its warnings quote the values
_config.LOG_HANDLER_LEVEL = "none"  # the standard handlers log values of data sets
