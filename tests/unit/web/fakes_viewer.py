"""The viewer is tried with real storage (`support.viewer_house`); elsewhere nobody asks for it."""

from __future__ import annotations

from types import SimpleNamespace

VIEWER = SimpleNamespace(dicomweb=None)
