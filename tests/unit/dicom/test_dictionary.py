"""The quick look-up says what pydicom's own says, and takes no longer for what nobody knows."""

import time

import pytest
from pydicom import datadict
from pydicom._dicom_dict import DicomDictionary

from undisc_node.dicom.dictionary import representation


def test_every_standard_element_is_as_in_the_library():
    for tag in DicomDictionary:
        assert representation(tag) == datadict.dictionary_VR(tag)


@pytest.mark.parametrize("tag", [0x60000010, 0x60020010, 0x601E3000, 0x50000005, 0x60FE0010])
def test_overlays_and_curves_are_known_in_each_of_their_groups(tag):
    assert representation(tag) == datadict.dictionary_VR(tag)


@pytest.mark.parametrize("tag", [0x00080FFF, 0x00091010, 0x60000FFF, 0xFFFFFFFF])
def test_nothing_is_said_of_the_rest(tag):
    assert representation(tag) == ""


def test_unknown_tags_take_no_longer():
    began = time.process_time()
    for tag in range(0x60002000, 0x60002000 + 200_000):
        representation(tag)
    assert time.process_time() - began < 0.5
