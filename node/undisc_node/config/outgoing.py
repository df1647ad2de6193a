"""The mail server and the gateway for text messages, as the settings name them."""

from __future__ import annotations

from undisc_node.config.settings import Settings
from undisc_node.notify.email import MailServer
from undisc_node.notify.text_gateway import Gateway


def mail_server(settings: Settings) -> MailServer | None:
    """Return the mail server; None where none is set, or no address to send from."""
    if not (settings.email_host and settings.email_from):
        return None
    return MailServer(
        host=settings.email_host,
        port=settings.email_port,
        security=settings.email_security,
        user=settings.email_user,
        password=settings.email_password,
        sender=settings.email_from,
        sender_name=settings.messages_practice or settings.name,
        authorities=settings.email_authorities,
    )


def gateway(settings: Settings) -> Gateway | None:
    """Return the gateway for text messages; None where none is set."""
    if not settings.text_messages_url:
        return None
    return Gateway(
        url=settings.text_messages_url,
        form=settings.text_messages_form,
        user=settings.text_messages_user,
        password=settings.text_messages_password,
        sender=settings.text_messages_from,
        fields=settings.text_messages_fields,
    )
