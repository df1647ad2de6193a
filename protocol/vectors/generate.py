"""Write the test vectors of protocol/vectors/v1, or compare them with what is there.

    python protocol/vectors/generate.py           write every file
    python protocol/vectors/generate.py --check   change nothing; exit 1 if a file would change

Cases are found in `cases_*.py` beside this file. Nothing random is used: the files are the same
wherever and whenever they are made.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
TARGET = HERE / "v1"


def made() -> dict[str, str]:
    """Return the text of every vector by file name."""
    files: dict[str, str] = {}
    for module in sorted(HERE.glob("cases_*.py")):
        for vector in importlib.import_module(module.stem).cases():
            assert vector.file_name not in files, f"two cases named {vector.file_name}"
            files[vector.file_name] = vector.write()
    return files


def main(arguments: list[str]) -> int:
    """Run as a program; return the exit code."""
    files = made()
    present = {path.name: path for path in TARGET.glob("*.vec")}
    if arguments == ["--check"]:
        differing = sorted(
            name
            for name in files.keys() | present.keys()
            if name not in present or files.get(name) != present[name].read_text(encoding="utf-8")
        )
        for name in differing:
            print(f"differs from what its source makes: {name}")
        return 1 if differing else 0
    if arguments:
        print(__doc__)
        return 2
    TARGET.mkdir(exist_ok=True)
    for name in present.keys() - files.keys():
        present[name].unlink()
    for name, text in files.items():
        (TARGET / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(files)} vectors in {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
