"""Real images for the demonstration: the MNI152 average brain, from a package on PyPI.

Nothing is downloaded twice: the package stays in the user's cache directory.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import platformdirs

from undisc_node.services.errors import Unavailable

PACKAGE = "nilearn==0.14.1"
"""The package whose wheel holds the volume, in the version this was tested with."""
_DOWNLOAD_SECONDS = 120


def volume_wheel() -> Path:
    """Return the wheel with the volume, downloaded on first use.

    Raises:
        Unavailable: It is not in the cache and cannot be downloaded.
    """
    cache = Path(platformdirs.user_cache_dir("undisc"))
    name, version = PACKAGE.split("==")
    pattern = f"{name}-{version}-*.whl"
    found = sorted(cache.glob(pattern))
    if not found:
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--dest", str(cache), PACKAGE]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_DOWNLOAD_SECONDS)
        except (subprocess.SubprocessError, OSError):
            raise Unavailable(
                f"cannot download {PACKAGE} for the demonstration's images",
                hint="check the connection to PyPI, or a proxy setting of pip",
            ) from None
        found = sorted(cache.glob(pattern))
    if not found:
        raise Unavailable(f"the download of {PACKAGE} brought no wheel")
    return found[-1]
