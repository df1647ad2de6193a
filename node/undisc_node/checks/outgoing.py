"""Checks of what reaches people: the mail server, the gateway for text messages."""

from __future__ import annotations

import time

from undisc_node.checks.finding import Finding, fail, ok, skip, warn
from undisc_node.checks.scene import Scene
from undisc_node.config.outgoing import gateway, mail_server
from undisc_node.notify.email import Mailer
from undisc_node.notify.text_gateway import TextGateway
from undisc_node.services.errors import ServiceError

_LOCAL = ("localhost", "127.0.0.1", "::1")


def email(scene: Scene) -> Finding:
    """Go as far as the mail server lets one go without a message."""
    settings = scene.settings
    if not settings.email_host:
        return skip("no mail server is set, so no link goes out by e-mail")
    server = mail_server(settings)
    if server is None:
        return fail(
            "a mail server is set, but no address that e-mail comes from",
            'set email.from, such as "images@practice.example"',
        )
    try:
        Mailer(server, now=time.time).check()
    except ServiceError as problem:
        return fail(str(problem), problem.hint or "undisc messages test --email ADDRESS")
    if server.security == "none" and server.host not in _LOCAL:
        return warn(
            f"links travel to the mail server {server.host} without encryption",
            'set email.security = "starttls"',
        )
    return ok(f"the mail server {server.host} takes e-mail from {server.sender}")


def text_messages(scene: Scene) -> Finding:
    """Connect to the gateway for text messages."""
    known = gateway(scene.settings)
    if known is None:
        return skip("no gateway is set, so no link goes out by text message")
    if known.form == "twilio" and not (known.user and known.password and known.sender):
        return fail(
            "Twilio needs an account SID, a token and a number to send from",
            "set text_messages.user, text_messages.password and text_messages.from",
        )
    try:
        TextGateway(known).check()
    except ServiceError as problem:
        return fail(str(problem), problem.hint or "undisc messages test --text NUMBER")
    return ok("the gateway for text messages answers")
