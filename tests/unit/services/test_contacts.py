"""Ways to reach somebody can be shown without telling them."""

from __future__ import annotations

import pytest

from undisc_node.services.contacts import Contact, read_contact
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Invalid


def test_each_way_is_checked_by_its_own_rules():
    email = read_contact(ChannelKind.EMAIL, " jane@Example.org ")
    assert email == Contact(ChannelKind.EMAIL, "jane@example.org")
    assert read_contact(ChannelKind.TEXT, "+1 415 555 0132").to == "+14155550132"
    assert read_contact(ChannelKind.PRINT, "anything").to == ""
    for channel in (ChannelKind.EMAIL, ChannelKind.TEXT):
        with pytest.raises(Invalid):
            read_contact(channel, "jane@example.org\nBcc: all@example.org")


def test_a_contact_can_be_shown_without_telling_it():
    email = Contact(ChannelKind.EMAIL, "jane@example.org")
    assert email.masked == "j•••@example.org"
    assert Contact(ChannelKind.TEXT, "+14155550132").masked == "+14•••32"
    assert "jane" not in repr(email)
