"""The oldest version of each library that may be used, and why not an older one.

`pyproject.toml` demands the same; but an environment can be changed after the installation, and an
image can be old. A test compares the two lists.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Floor(NamedTuple):
    """One library.

    Attributes:
        package: Its name.
        version: The oldest that may be used.
        reason: Why not an older one.
    """

    package: str
    version: str
    reason: str


FLOORS: Final = (
    Floor("aiohttp", "3.14.5", "reads requests of strangers; fixes in its parser come in each"),
    Floor("aiohttp-jinja2", "1.6", "fills pages with what strangers sent; the tested version"),
    Floor("babel", "2.18.0", "reads the catalogs of languages; the tested version"),
    Floor("aiosmtplib", "5.1.3", "hands messages to the mail server; the tested version"),
    Floor("blake3", "1.0.11", "the version whose threads and buffers were measured and tested"),
    Floor("click", "8.5.1", "the help texts of the reference pages are compared with it"),
    Floor("cryptography", "50.0.2", "brings OpenSSL; encrypts into buffers of ours"),
    Floor("hl7", "0.4.5", "cuts messages of a RIS into fields; the tested version"),
    Floor("jinja2", "3.1.6", "escapes what pages show; older ones can be led out of the sandbox"),
    Floor("numpy", "2.4.6", "holds pixels that workers decode; the tested version"),
    Floor("Pillow", "13.0.0", "writes what viewers are shown; its codecs see strangers' bytes"),
    Floor("platformdirs", "4.14.7", "the tested version"),
    Floor("prometheus-client", "0.26.0", "the tested version"),
    Floor("pydicom", "3.0.2", "reads values of hostile files; older ones follow paths in them"),
    Floor("pylibjpeg-openjpeg", "2.6.0", "decodes JPEG 2000 in workers; brings OpenJPEG"),
    Floor("PyNaCl", "1.6.2", "brings libsodium, whose check of points older ones lack"),
    Floor("pynetdicom", "3.0.4", "calls archives for us; our port was tested against this one"),
    Floor("python-gdcm", "3.2.6", "decodes JPEG in workers; brings GDCM"),
    Floor("reportlab", "5.1.0", "draws print-outs; older ones evaluated colours of hostile text"),
    Floor("segno", "1.6.6", "draws links as QR codes; the tested version"),
    Floor("sqlite-utils", "4.2.1", "its migrations; older ones have none"),
    Floor("webauthn", "3.0.1", "checks what strangers' authenticators say; the tested version"),
    Floor("zeroconf", "0.154.0", "reads what anybody on the network sends; the tested version"),
)
