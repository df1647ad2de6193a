"""Builds a node from its parts and owns their lifetimes: the only place that does.

settings, keys  →  catalog, keyring, packs, network  →  services  →  listeners, DICOM port
"""

from undisc_node.wiring.beginning import own_identity
from undisc_node.wiring.building import build
from undisc_node.wiring.node import Node
from undisc_node.wiring.running import serve

__all__ = ["Node", "build", "own_identity", "serve"]
