r"""Repairs what makes viewers show black, in descriptions only; stored bytes stay as they came.

Each was seen in real files and tried in two viewers: a spacing of 0\\0 or a window of width 0 gives
a black image, and a missing Pixel Representation an image with wrong grey levels.
"""

from __future__ import annotations

from typing import Final

from undisc_node.services.dicomweb.model import Attributes, Described, number_of, values_of

_SPACINGS: Final = ("00280030", "00181164", "00182010")
_CENTER, _WIDTH, _MEANING = "00281050", "00281051", "00281055"


def repaired(described: Described) -> Attributes:
    """Return the attributes of a description, repaired; the description itself is used up."""
    attributes = described.attributes
    # The JSON is UTF-8, whatever the file was (PS3.18 §F.2.1); values were decoded already.
    attributes["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    attributes["00083002"] = {"vr": "UI", "Value": [described.syntax]}
    for tag in _SPACINGS:
        spacing = values_of(attributes, tag)
        if spacing and not all(isinstance(one, int | float) and one > 0 for one in spacing):
            del attributes[tag]
    widths = values_of(attributes, _WIDTH)
    if widths and not all(isinstance(one, int | float) and one > 0 for one in widths):
        for tag in (_CENTER, _WIDTH, _MEANING):
            attributes.pop(tag, None)
    if described.pixels is not None:
        if "00280103" not in attributes:
            attributes["00280103"] = {"vr": "US", "Value": [0]}
        if "00280008" in attributes and number_of(attributes, "00280008") < 1:
            attributes["00280008"] = {"vr": "IS", "Value": [1]}
    return dict(sorted(attributes.items()))
