"""Builds the full viewer (OHIF, MIT) into the package: `make viewer`.

The viewer is published as an npm package that holds its finished build. This fetches that package
and a minifier, compares both with the hashes in `lock.json`, leaves out what we do not serve, lets
it run below a path of ours, minifies and compresses. Nothing of it is run but the minifier.

It needs `npm` to fetch (which registry is npm's own setting), or the packages as files in the
folder that `VIEWER_PACKAGES` names. Why it is done this way: docs/adr/0027-viewer.md.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
LOCK: Final = HERE / "lock.json"
OUT: Final = HERE.parent / "undisc_node" / "web" / "viewer" / "ohif"
BASE: Final = "/view/ohif"
"""Where the node serves it: `web/viewer/ohif.py` says the same."""

PRUNED: Final = re.compile(
    r"""
    ort/ | dicom-microscopy-viewer/ | .*\.map$ | .*\.LICENSE\.txt$
    | (sw|init-service-worker|google|oidc-client\.min|es6-shim\.min|polyfill\.min|app-config)\.js$
    | silent-refresh\.html$ | (manifest|serve)\.json$ | _headers$ | _redirects$ | customizations/
    | assets/(android|apple|mstile|yandex|firefox|coast|browserconfig|manifest) | .*\.gz$ | .*\.br$
    """,
    re.VERBOSE,
)
"""What is left out: models for whole slide images and for AI, sign-in with others, icons of systems
that install pages, maps for debuggers, and the settings, which are ours."""

MINIFIED: Final = frozenset({".js", ".css"})
COMPRESSED: Final = frozenset({".js", ".css", ".json", ".svg", ".wasm", ".ttf"})
GAIN: Final = 0.9  # of the size: what compresses less is kept as it is
DECODER: Final = b"CharLSWASM"
"""Stands in the one worker that makes functions from text, and needs a policy of its own for it."""


class Failure(Exception):
    """The viewer cannot be built; the message says why, and what to do."""


def lock() -> dict[str, dict[str, str]]:
    """Return which packages belong to the viewer, with versions and hashes."""
    packages: dict[str, dict[str, str]] = json.loads(LOCK.read_text("utf-8"))
    return packages


def identity() -> str:
    """Return the name of what this script makes of the lock: it changes when either does."""
    return hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]


def minifier() -> str:
    """Return the name of the minifier's package for this machine."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    name = f"@esbuild/{sys.platform}-{machine.get(platform.machine().lower(), 'unknown')}"
    if name not in lock():
        raise Failure(f"no minifier is locked for this machine ({name})")
    return name


def fetched(name: str, folder: Path) -> Path:
    """Return the file of a package, compared with its hash."""
    locked = lock()[name]
    file = f"{name.lstrip('@').replace('/', '-')}-{locked['version']}.tgz"
    cache = Path(os.environ.get("VIEWER_PACKAGES") or folder)
    path = cache / file
    if not path.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise Failure(
                f"npm is needed to fetch {name}\n"
                f"hint: install npm, or put {file} into a folder and name it in VIEWER_PACKAGES"
            )
        done = subprocess.run(
            [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder),
             f"{name}@{locked['version']}"],
            check=False, cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        path = folder / file
        if done.returncode or not path.is_file():
            raise Failure(f"{name} could not be fetched\n{done.stderr.strip()[-500:]}")
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != locked["integrity"]:
        raise Failure(f"{name} is not the package that was locked: its hash differs")
    return path


def unpack(package: Path, into: Path) -> None:
    """Unpack a package; nothing may leave its folder."""
    if not hasattr(tarfile, "data_filter"):
        raise Failure("this Python unpacks archives without bounds\nhint: use 3.11.4 or newer")
    with tarfile.open(package) as opened:
        opened.extractall(into, filter="data")


def rewrite(root: Path, base: str) -> None:
    """Let the viewer run below a path, without a script or address of its own in its page.

    The node puts the addresses of its own two scripts into the page in place of `@start.js@` and
    `@settings.js@`.
    """
    for path in root.rglob("*.js"):
        text = path.read_text("utf-8")
        changed = text.replace(
            '__webpack_require__.p = "/"',
            '__webpack_require__.p = (typeof window !== "undefined" && window.PUBLIC_URL)'
            ' || new URL(".", self.location.href).pathname',
        )
        if changed != text:
            path.write_text(changed, "utf-8")
    for path in root.rglob("*.css"):
        path.write_text(path.read_text("utf-8").replace("url(/", "url("), "utf-8")
    page = root / "index.html"
    text = page.read_text("utf-8")
    text = re.sub(r"<script[^>]*>(?:(?!</script>).)+</script>", "", text, flags=re.DOTALL)
    text = re.sub(r'<script[^>]*src="[^"]*(?:init-service-worker|app-config)[^"]*"[^>]*></script>',
                  "", text)  # fmt: skip
    text = re.sub(r'<meta name="(?:apple|msapplication|mobile)-[^>]*>', "", text)
    text = re.sub(r'<link[^>]*rel="?(?:manifest|apple-|mask-|yandex-)[^>]*>', "", text)
    text = re.sub(r"<link[^>]*coast-[^>]*>", "", text)
    text = re.sub(r'<link[^>]*href="?(?:https?:)?//[^>]*>', "", text)
    text = re.sub(r'\b(href|src)="/(?!/)', rf'\1="{base}/', text)
    start = f'<script src="@start.js@" data-base="{base}/"></script>'
    settings = '<script src="@settings.js@"></script>'
    text = text.replace("<head>", f"<head>{start}{settings}", 1)
    page.write_text(text, "utf-8")


def minify(root: Path, program: Path) -> None:
    """Minify scripts and styles in place."""
    files = [str(path) for path in sorted(root.rglob("*")) if path.suffix in MINIFIED]
    subprocess.run(
        [str(program), *files, "--minify", "--target=es2022", "--charset=utf8",
         "--log-level=error", "--allow-overwrite", f"--outdir={root}", f"--outbase={root}"],
        check=True, cwd=root,
    )  # fmt: skip


def compress(root: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Compress what gains by it, and yield every file's name and facts."""
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        facts: dict[str, object] = {"size": len(content)}
        squeezed = gzip.compress(content, 9, mtime=0) if path.suffix in COMPRESSED else content
        if len(squeezed) < GAIN * len(content):
            facts["gzip"] = len(squeezed)
            path.write_bytes(squeezed)
        yield str(path.relative_to(root)), facts


def build() -> Path:
    """Build the viewer, unless it is there; return its folder.

    Raises:
        Failure: It cannot be built.
    """
    name = identity()
    manifest = OUT / "manifest.json"
    if manifest.is_file() and json.loads(manifest.read_text("utf-8"))["build"] == name:
        return OUT
    with tempfile.TemporaryDirectory(prefix="undisc-viewer-") as temporary:
        folder = Path(temporary)
        unpack(fetched("@ohif/app", folder), folder / "viewer")
        unpack(fetched(minifier(), folder), folder / "minifier")
        root = folder / "viewer" / "package" / "dist"
        for path in sorted(root.rglob("*"), reverse=True):
            if path.is_file() and PRUNED.match(str(path.relative_to(root))):
                path.unlink()
        rewrite(root, f"{BASE}/{name}")
        decoders = {
            str(path.relative_to(root))
            for path in root.glob("*.js")
            if DECODER in path.read_bytes() and not path.name.startswith("app.bundle")
        }
        if len(decoders) != 1:
            raise Failure(f"the worker that decodes was not found ({len(decoders)} candidates)")
        minify(root, folder / "minifier" / "package" / "bin" / "esbuild")
        files = dict(compress(root))
        for name_of_worker in decoders:
            files[name_of_worker]["decoder"] = True
        facts = {"build": name, "version": lock()["@ohif/app"]["version"], "files": files}
        (root / "manifest.json").write_text(json.dumps(facts, indent=1, sort_keys=True), "utf-8")
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.copytree(root, OUT)
    return OUT


if __name__ == "__main__":
    try:
        print(f"the full viewer is in {build()}")
    except Failure as problem:
        first, *rest = str(problem).splitlines()
        print(f"error: {first}", *rest, sep="\n", file=sys.stderr)
        sys.exit(1)
