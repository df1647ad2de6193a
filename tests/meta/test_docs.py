"""The documentation says what the code says: nothing is missing, and nothing leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from support import cli_reference, reference, reference_errors
from undisc_node.config import FIELDS
from undisc_node.services.auditing import KINDS
from undisc_node.web import admin_api, internal, public
from undisc_protocol.errors import REMOTE_CODES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE_IN_SOURCE = re.compile(r"""\bcode(?:: ClassVar\[str\])? ?= ?"([a-z_]+)\"""")
# Names of hosts that hold packages: what is installed from where is the reader's own matter.
REGISTRIES = ("pypi.", "pythonhosted", "npmjs", "docker.io", "ghcr.io", "quay.io", "anaconda.")


def read(path):
    return path.read_text("utf-8")


def prose(text):
    """Return a page without its code blocks."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(text):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#{1,6} (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- The reference is complete --------------------------------------------------------------------


def test_every_page_is_what_its_generator_makes():
    """Out of date? Run `make reference`."""
    assert [path.name for path, _ in reference.stale()] == []


@pytest.mark.parametrize("key", FIELDS)
def test_every_setting_is_in_the_reference(key):
    assert f"| `{key}` |" in read(REFERENCE / "settings.md")


@pytest.mark.parametrize(
    "route",
    [*public.ROUTES, *internal.ROUTES, *admin_api.ROUTES],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_every_route_is_in_the_reference_with_its_authority(route):
    expected = f"| `{route.method} {route.path}` | `{route.authority.name}` |"
    assert expected in read(REFERENCE / "http-api.md")


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_in_the_reference(kind):
    assert f"| `{kind}` |" in read(REFERENCE / "events.md")


@pytest.mark.parametrize("code", REMOTE_CODES)
def test_every_code_between_nodes_is_in_the_reference(code):
    assert f"| `{code}` |" in read(REFERENCE / "errors.md")


def test_every_code_in_the_source_is_in_the_reference():
    """Looked for by text, so that a form which the generator does not know is found too."""
    found = {
        code
        for folder in reference_errors.SOURCES
        for path in (ROOT / folder).rglob("*.py")
        for code in CODE_IN_SOURCE.findall(read(path))
    }
    text = read(REFERENCE / "errors.md")

    assert len(found) > 40
    assert sorted(code for code in found if f"| `{code}` |" not in text) == []


@pytest.mark.parametrize("page", cli_reference.PAGES, ids=lambda page: page.program)
def test_every_command_is_in_the_reference(page):
    group = getattr(__import__(page.module, fromlist=["main"]), page.attribute)
    text = read(page.path)

    def paths(command, name):
        yield name
        if isinstance(command, click.Group):
            context = click.Context(command)
            for below in command.list_commands(context):
                yield from paths(command.get_command(context, below), f"{name} {below}")

    assert [name for name in paths(group, page.program) if f"`{name}`" not in text] == []


# --- Pages lead somewhere -------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for target in LINK.findall(prose(read(page))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        there = path.exists() and path.is_relative_to(ROOT)
        if there and anchor and path.suffix == ".md":
            there = anchor in anchors(read(path))
        if not there:
            broken.append(target)
    assert broken == []


def test_every_page_of_docs_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target in LINK.findall(read(page)):
            path = (page.parent / target.partition("#")[0]).resolve()
            if "://" not in target and path.is_file():
                waiting.append(path)
    assert sorted(str(page.relative_to(ROOT)) for page in set(PAGES) - reached) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_the_host_of_a_package_registry(page):
    assert [name for name in REGISTRIES if name in read(page).lower()] == []


# --- The README and the Makefile agree ------------------------------------------------------------


def targets():
    phony = re.search(r"^\.PHONY: (.+)$", read(ROOT / "Makefile"), re.MULTILINE)
    assert phony is not None
    return set(phony[1].split())


def test_the_readme_names_the_two_commands():
    text = read(ROOT / "README.md")
    assert "make demo" in text
    assert "make test" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_only_make_targets_that_exist(page):
    code = re.findall(r"`make ([a-z]+)|^make ([a-z]+)", read(page), re.MULTILINE)
    assert {first or second for first, second in code} <= targets()


def test_ci_runs_what_the_readme_says():
    assert "make test" in read(ROOT / ".ci" / "run")


def test_the_ports_of_the_readme_are_the_defaults():
    text = read(ROOT / "README.md")
    for key in ("public.port", "internal.port", "dicom.port", "dicom.tls_port", "hl7.port"):
        assert f"| {FIELDS[key].default} |" in text


def test_the_readme_excerpt_of_the_demo_has_the_fields_of_the_last_line():
    """The story's last line is computed in `demo/story.py`; the README shows one of them."""
    story = read(ROOT / "node" / "undisc_node" / "demo" / "story.py")
    shown = re.search(r'^\{"instances".+\}$', read(ROOT / "README.md"), re.MULTILINE)

    assert shown is not None
    keys = re.findall(r'"(\w+)":', shown[0])
    returned = story.partition("return {")[2].partition("}")[0]
    assert keys == re.findall(r'^\s+"(\w+)":', returned, re.MULTILINE)
