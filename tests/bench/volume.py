"""A real head for the benchmark, or a phantom when none is to be had.

The CT comes from Debian's package `invesalius-examples` (GPL-2, so nothing of it is kept in this
repository); it is downloaded with the system's own package client and taken apart without being
installed.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.measure import LeftOut

PACKAGE = "invesalius-examples"
_PROJECT = "usr/share/doc/invesalius-examples/examples/Cranium.inv3"
_SHAPE = (108, 256, 256)
_HEAD = 96  # the slices above are nearly air
_DOWNLOAD_SECONDS = 120


@dataclass(frozen=True)
class Volume:
    """Hounsfield units.

    Attributes:
        source: What it is, for people.
        values: Slices, rows, columns.
    """

    source: str
    values: npt.NDArray[np.int16]


def real_head() -> Volume:
    """Return the real head.

    Raises:
        LeftOut: The package cannot be had, with what may help.
    """
    try:
        return Volume(f"a real head CT (Debian's {PACKAGE})", _cranium())
    except (OSError, subprocess.SubprocessError, KeyError, ValueError, tarfile.TarError) as problem:
        raise LeftOut(
            f"Debian's {PACKAGE} cannot be had ({type(problem).__name__}; after"
            " `apt-get update` it may be): going on with a computed head"
        ) from problem


def phantom() -> Volume:
    """Return a skull of ellipsoids with soft tissue inside."""
    z, y, x = np.mgrid[-1 : 1 : _HEAD * 1j, -1:1:256j, -1:1:256j].astype(np.float32)
    values = np.full(z.shape, -1000, np.int16)
    inside = (x / 0.72) ** 2 + (y / 0.9) ** 2 + (z / 1.1) ** 2
    values[inside < 1] = 60
    values[inside < 0.92] = 1100
    values[inside < 0.8] = 35
    values[(x / 0.15) ** 2 + ((y + 0.1) / 0.3) ** 2 + (z / 0.4) ** 2 < 1] = 5
    return Volume("A PHANTOM, no real head", values)


def _cranium() -> npt.NDArray[np.int16]:
    with tempfile.TemporaryDirectory(prefix="undisc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for command in (["apt-get", "download", PACKAGE], ["dpkg-deb", "-x", "PACKAGE", "."]):
            found = [str(path) for path in folder.glob("*.deb")]
            subprocess.run(
                [word if word != "PACKAGE" else found[0] for word in command],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=_DOWNLOAD_SECONDS,
                env={**os.environ, "LC_ALL": "C"},
            )
        with tarfile.open(folder / _PROJECT) as project:
            member = next(one for one in project if one.name.endswith("/matrix.dat"))
            stored = project.extractfile(member)
            if stored is None:
                raise ValueError("the project holds no volume")
            values = np.frombuffer(stored.read(), dtype="<i2").reshape(_SHAPE)
    return values[:_HEAD, ::-1]
