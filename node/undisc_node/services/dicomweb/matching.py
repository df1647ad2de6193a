"""Whether an element of the DICOM JSON Model is like what was asked for (PS3.4 §C.2.2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from undisc_node.services.dicomweb.asking import split_range
from undisc_node.services.dicomweb.model import values_of
from undisc_node.services.study_search import matches, name_matches, time_range, within


def all_match(attributes: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Tell whether every attribute that was asked for is like its value."""
    return all(element_matches(attributes, tag, value) for tag, value in wanted.items())


def element_matches(attributes: Mapping[str, Any], tag: str, value: str) -> bool:
    """Tell whether one of an element's values is like what was asked for."""
    element = attributes.get(tag, {})
    return any(_is_like(element.get("vr", ""), value, one) for one in values_of(attributes, tag))


def _is_like(representation: str, value: str, held: Any) -> bool:
    if representation == "PN":
        forms = held.values() if isinstance(held, dict) else ()
        return any(name_matches(value, form) for form in forms)
    text = "" if held is None else str(held)
    if representation == "UI":
        return text in re.split(r"[,\\]", value)
    if representation in {"DA", "DT"}:
        return within(split_range(value), text)
    if representation == "TM":
        return within(time_range(split_range(value)), text)
    return matches(value, text)
