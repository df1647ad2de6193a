"""Settings of a node: the command line, then the environment, then `undisc.toml`, then defaults.

`fields` says what can be set, `values` what a value may be, `sources` reads the places where it can
stand, `reading` puts them together. Frozen once read. An unknown key is a failure with its name and
the nearest known one, never silently ignored. `docs/reference/settings.md` comes from `FIELDS`.
"""

from undisc_node.config.fields import FIELDS, Field
from undisc_node.config.reading import DEFAULT, Reading, Setting, load, read
from undisc_node.config.settings import Settings
from undisc_node.config.sources import CONFIG_FILE, Found, loose_value_files, read_overrides

__all__ = [
    "CONFIG_FILE",
    "DEFAULT",
    "FIELDS",
    "Field",
    "Found",
    "Reading",
    "Setting",
    "Settings",
    "load",
    "loose_value_files",
    "read",
    "read_overrides",
]
