# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits until a service answers: by an HTTP request with a client certificate, or by a TCP connection."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.1  # seconds between two attempts
ATTEMPT_TIMEOUT = 5.0


def probe(ready: dict, timeout: float) -> str:
    """Try once. Return an empty string when the service is ready, else what was seen instead."""
    try:
        return _http(ready, timeout) if ready.get("url") else _tcp(ready["tcp"], timeout)
    except FileNotFoundError:
        missing = [path for path in (ready.get("ca"), ready.get("cert"), ready.get("key")) if path and not Path(path).exists()]
        return f"cannot ask: {', '.join(missing)} missing on this host"
    except OSError as error:  # refused, unreachable, timeout, and every TLS failure
        return str(error) or type(error).__name__


def _tcp(address: str, timeout: float) -> str:
    host, _colon, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout):
        return ""


def _http(ready: dict, timeout: float) -> str:
    import http.client
    import ssl
    from urllib.parse import urlsplit

    url = urlsplit(ready["url"])
    port = url.port or (443 if url.scheme == "https" else 80)
    connection = http.client.HTTPConnection(url.hostname or "", port, timeout=timeout)
    try:
        connection.connect()
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=ready.get("ca"))
            # Python 3.13 asks for extensions that RFC 5280 wants and the services' own clients do not: this is no judge of certificates.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if ready.get("cert"):
                context.load_cert_chain(ready["cert"], ready.get("key"))
            connection.sock = context.wrap_socket(connection.sock, server_hostname=ready.get("server_name") or url.hostname)
        connection.request("GET", (url.path or "/") + (f"?{url.query}" if url.query else ""), headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(400)
    except http.client.HTTPException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}: {body.decode(errors='replace').strip()}"


def wait(
    ready: dict, stopped: Callable[[], str], clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Wait until the service is ready. Return an empty string, or the last thing seen when ``timeout`` seconds were over.

    ``stopped`` is asked once a second and names the unit's end, if it ended: then there is nothing to wait for.
    """
    deadline = clock() + ready["timeout"]
    ask = clock() + 1
    while True:
        seen = probe(ready, max(0.1, min(ATTEMPT_TIMEOUT, deadline - clock())))
        if not seen:
            return ""
        if clock() >= ask:
            ask = clock() + 1
            ended = stopped()
            if ended:
                return f"{ended}; last seen: {seen}"
        if clock() >= deadline:
            return f"not ready after {ready['timeout']} s; last seen: {seen}"
        sleep(INTERVAL)
