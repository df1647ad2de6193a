"""The study that everything is measured with: a CT of 512 × 512 × 16 bit in four series.

Made once from a volume by interpolation and noise, with a fixed seed, and kept outside the
repository. As it is made a slice at a time, 200 slices are the first 200 of 2,000.

    python -m bench.study FOLDER SLICES
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measure import LeftOut

SERIES = 4
ITEM_DIGITS = 8
_PREFIX = "2.25.27182818284590452353602874"  # PS3.5 §B.2; e without its point, so nobody's UUID
_SPAN = 2_000  # slices from one end of the head to the other
_SEED = 20_260_302
_AIR = -500  # Hounsfield units below which there is none of the patient
_NOISE_IN_TISSUE, _NOISE_IN_AIR = 11.0, 6.6  # Hounsfield units, standard deviation
_FIELDS = 16  # noise images, shifted at random


def uid(item: int, variant: int = 0) -> str:
    """Return a UID: item 0 is the study, 1 to 4 are its series, the others its images."""
    return f"{_PREFIX}{variant:05}{item:0{ITEM_DIGITS}}"


@dataclass(frozen=True)
class Slices:
    """Some slices on disk.

    Attributes:
        folder: Holds these slices and nothing else.
        paths: In order.
        source: What the images are.
    """

    folder: Path
    paths: tuple[Path, ...]
    source: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.paths)

    def first(self, count: int) -> Slices:
        """Return the first slices in a folder of their own; all, if there are fewer."""
        if count >= len(self.paths):
            return self
        return _linked(self.folder.parent, count, self.source)

    def parts(self, count: int) -> tuple[Path, ...]:
        """Return folders that hold a part of the slices each, and all together."""
        if count == 1:
            return (self.folder,)
        whole = self.folder.with_name(f"{self.folder.name}-in-{count:02}")
        if not whole.is_dir():
            unfinished = whole.with_name(f"{whole.name}.part")
            shutil.rmtree(unfinished, ignore_errors=True)
            for index, path in enumerate(self.paths):
                into = unfinished / f"{index % count:02}"
                into.mkdir(parents=True, exist_ok=True)
                os.link(path, into / path.name)
            unfinished.rename(whole)
        return tuple(sorted(whole.iterdir()))

    def variant(self, number: int, count: int) -> Iterator[bytes]:
        """Yield the files of another study: the same images under other UIDs.

        More slices than there are come round again, as further images.
        """
        for index in range(count):
            turn, at = divmod(index, len(self.paths))
            content = self.paths[at].read_bytes()
            old, new = uid(0)[:-ITEM_DIGITS], uid(0, number)[:-ITEM_DIGITS]
            content = content.replace(old.encode(), new.encode())
            if turn:
                was, now = uid(10 + at, number), uid(10 + at + turn * 1_000_000, number)
                content = content.replace(was.encode(), now.encode())
            yield content


def cached(folder: Path, count: int, *, phantom: bool = False) -> Slices:
    """Return the first slices of the study, from the cache or made now.

    Args:
        folder: Where studies are kept.
        count: How many slices.
        phantom: Compute the head too; also done, and said, when no real one can be had.
    """
    place = folder / ("phantom" if phantom else "head")
    source = place / "source.txt"
    if not source.exists() or not _paths(place / "slices", count)[-1].exists():
        # Another process: the numbers of a large child would be added to ours.
        argv = [sys.executable, "-m", "bench.study", str(place), str(count)]
        done = subprocess.run(argv, check=False).returncode
        if done and not phantom:
            return cached(folder, count, phantom=True)
        if done:
            raise LeftOut("the study could not be made; see above")
    return _linked(place, count, source.read_text("utf-8").strip())


def _linked(place: Path, count: int, source: str) -> Slices:
    """Return a folder that holds the first slices and nothing else."""
    some = place / f"first-{count:05}"
    if not some.is_dir():
        unfinished = place / f"first-{count:05}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for path in _paths(place / "slices", count):
            os.link(path, unfinished / path.name)
        unfinished.rename(some)
    return Slices(some, tuple(_paths(some, count)), source)


def _paths(folder: Path, count: int) -> list[Path]:
    return [folder / f"{index:05}.dcm" for index in range(count)]


def make(folder: Path, count: int) -> None:
    """Write the slices that are not there yet."""
    import numpy as np  # noqa: PLC0415 - only this process shall have it in memory

    from bench.image import dicom_image  # noqa: PLC0415
    from bench.volume import phantom, real_head  # noqa: PLC0415

    volume = phantom() if folder.name == "phantom" else real_head()
    whole = folder / "slices"
    whole.mkdir(parents=True, exist_ok=True)
    fields = _noise(np)
    for index, path in enumerate(_paths(whole, count)):
        if path.exists():
            continue
        chance = np.random.default_rng([_SEED, index])
        place = (index % _SPAN) * (len(volume.values) - 1) / _SPAN
        low, part = int(place), place % 1
        plane = volume.values[low] * (1 - part) + volume.values[low + 1] * part
        for axis in (0, 1):
            near = np.roll(plane, -1, axis)
            plane = np.stack([plane, (plane + near) / 2], axis + 1).reshape(
                [512 if one <= axis else 256 for one in (0, 1)]
            )
        shift = tuple(chance.integers(0, 512, 2))
        noise = np.roll(fields[chance.integers(_FIELDS)], shift, (0, 1))
        plane = plane + noise * np.where(plane > -500, 11.0, 6.6)
        pixels = np.clip(np.rint(plane), -1024, 3071).astype("<i2")
        unfinished = path.with_suffix(".part")
        dicom_image(index, pixels.tobytes()).save_as(unfinished, enforce_file_format=True)
        unfinished.rename(path)
    (folder / "source.txt").write_text(f"{volume.source}, interpolated, with noise\n", "utf-8")


def _noise(np):
    """Return noise as a CT has it: Gaussian, and little of it at the lowest frequencies."""
    chance = np.random.default_rng(_SEED)
    across, down = np.meshgrid(np.fft.rfftfreq(512), np.fft.fftfreq(512))
    frequency = np.hypot(across, down)
    band = frequency**0.7 * np.exp(-((frequency / 0.22) ** 2))
    fields = []
    for _ in range(_FIELDS):
        white = chance.standard_normal((512, 512))
        field = np.fft.irfft2(np.fft.rfft2(white) * band, s=(512, 512))
        fields.append((field / field.std()).astype(np.float32))
    return fields


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]), int(sys.argv[2]))
    except (LeftOut, ImportError) as reason:
        sys.exit(f"no study in {sys.argv[1]}: {reason}")
