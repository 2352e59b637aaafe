# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a TLS service serves or refuses one who asks with a certificate, or with none."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

TIMEOUT = 5.0  # seconds
# What a server's alert says when it does not accept who asks; a problem with the server's own certificate is none of these.
ALERTS = ("ALERT", "EOF_IN_VIOLATION", "EOF occurred")


def of_tls_error(text: str) -> str:
    """Return the outcome that the text of a TLS error means."""
    return "refused" if any(word in text for word in ALERTS) else "unusable"


def of_status(status: int) -> str:
    """Return the outcome that an HTTP status means."""
    if status in (401, 403):
        return "refused"
    return "served" if status < 400 else "unanswered"


def attempt(url: str, ca: str, certificate: str | None, key: str | None) -> tuple[str, str]:
    """Return ("served" | "refused" | "unanswered" | "unusable", what was seen)."""
    parts = urlsplit(url)
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        return "unusable", f"{ca}, {certificate}: {error}"
    connection = http.client.HTTPSConnection(parts.hostname, parts.port or 443, context=context, timeout=TIMEOUT)
    try:
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    except ssl.SSLError as error:
        return of_tls_error(str(error)), str(error.reason or error)
    except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) as error:
        # With TLS 1.3 a client learns that its certificate was refused only when it reads the answer.
        return "refused", f"connection closed after the handshake: {type(error).__name__}"
    except (TimeoutError, OSError, http.client.HTTPException) as error:
        return "unanswered", str(error) or type(error).__name__
    finally:
        connection.close()
    return of_status(status), f"HTTP {status}"
