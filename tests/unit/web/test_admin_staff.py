"""Accounts of the practice's people on the admin socket."""

from __future__ import annotations

import getpass

import pytest

AT = "2026-11-24T05:31:23Z"
ANNA = {"name": "anna", "role": "admin", "created": AT, "changed": AT, "disabled": None}


def test_an_account_is_shown_without_anything_of_its_password(node):
    assert node.call("admin", "GET", "/admin/v1/staff").json == {"staff": [ANNA]}


def test_an_account_is_made_for_who_the_system_says(node):
    body = {"name": "ben", "role": "desk", "password": "four plain words here"}
    answer = node.call("admin", "POST", "/admin/v1/staff", body)
    assert answer.json == {"member": {**ANNA, "name": "ben", "role": "desk"}}
    assert node.admin.staff.calls[-1][-1] == getpass.getuser()


@pytest.mark.parametrize("body", [{"name": "ben", "role": "king", "password": "x"}, {"name": "b"}])
def test_what_is_no_account_is_refused(node, body):
    assert node.call("admin", "POST", "/admin/v1/staff", body).status == 400


def test_an_account_is_disabled_and_gets_a_new_password(node):
    answer = node.call("admin", "POST", "/admin/v1/staff/anna/disable", {})
    assert answer.json == {"member": {**ANNA, "disabled": AT}}
    assert node.call("admin", "POST", "/admin/v1/staff/nobody/disable", {}).status == 404
    body = {"password": "another few plain words"}
    assert node.call("admin", "POST", "/admin/v1/staff/anna/reset", body).json == {"member": ANNA}
