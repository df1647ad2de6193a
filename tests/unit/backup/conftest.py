"""A home whose kit was made once; each test gets a copy of both."""

import shutil

import pytest

from support.backed_up import AnyClock, BackedUp, found_home


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    found_home(folder / "home", folder / "kit")
    return folder


@pytest.fixture
def home(template, tmp_path):
    """A fresh node that has never been backed up."""
    shutil.copytree(template, tmp_path / "node")
    place = tmp_path / "node"
    return BackedUp(place / "home", tmp_path / "backup", place / "kit", AnyClock())
