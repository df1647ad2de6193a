"""A table of settings with a secret among them; the node's own table may have none."""

from __future__ import annotations

from undisc_node.config import FIELDS, Field
from undisc_node.config.values import TEXT

WITH_SECRET = {**FIELDS, "mail.password": Field("mail_password", "", TEXT, "", secret=True)}
