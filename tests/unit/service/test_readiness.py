# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Readiness: real sockets on loopback; a service that comes late, never, or dies."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import socket
import ssl
import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import readiness
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()
        self.wfile.write(b"etcd has no leader")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(server_socket):
    return f"127.0.0.1:{server_socket()}"


def certificate(folder, name, signer=None):
    """Write a certificate for ``name`` and 127.0.0.1 with its key, signed by ``signer`` (name and key) or by itself.

    Returns both paths, and its name and key to sign others with.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuer_key = signer or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / f"{name}.crt").write_bytes(signed.public_bytes(encoding))
    plain = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(plain)
    return str(folder / f"{name}.crt"), str(folder / f"{name}.key"), (subject, key)


@pytest.fixture
def secured(server_socket, tmp_path):
    """A server that wants a certificate of its own CA, and what a client needs for it."""
    ca, _, signer = certificate(tmp_path, "ca")
    cert, key, _ = certificate(tmp_path, "api.internal", signer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    client_cert, client_key, _ = certificate(tmp_path, "client", signer)
    port = server_socket(context)
    return {"url": f"https://127.0.0.1:{port}/ready", "ca": ca, "cert": client_cert, "key": client_key}


@pytest.fixture
def server_socket():
    """Start HTTP servers on loopback, with TLS when given a context; return their port."""
    started = []

    def start(context=None):
        running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.handle_error = lambda *_: None  # refused clients are what is tested
        if context:
            running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        started.append((running, thread))
        return running.server_port

    yield start
    for running, thread in started:
        running.shutdown()
        thread.join()
        running.server_close()


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


def test_answers(server):
    assert readiness.probe({"url": f"http://{server}/ready"}, 2) == ""
    assert readiness.probe({"tcp": server}, 2) == ""


def test_what_was_seen_instead_is_told(server, closed_port):
    assert readiness.probe({"url": f"http://{server}/health"}, 2) == "HTTP 503: etcd has no leader"
    assert "refused" in readiness.probe({"tcp": closed_port}, 2)
    assert "SSL" in readiness.probe({"url": f"https://{server}/ready"}, 2)


def test_client_certificate_is_shown_and_the_server_checked(secured, tmp_path):
    assert readiness.probe(secured, 2) == ""
    assert readiness.probe({**secured, "server_name": "api.internal"}, 2) == ""
    assert "other.internal" in readiness.probe({**secured, "server_name": "other.internal"}, 2)
    stranger, _, _ = certificate(tmp_path, "stranger")
    assert "CERTIFICATE_VERIFY_FAILED" in readiness.probe({**secured, "ca": stranger}, 2)
    assert readiness.probe({**secured, "cert": None, "key": None}, 2) != ""
    assert "gone.crt missing" in readiness.probe({**secured, "cert": str(tmp_path / "gone.crt")}, 2)


def wait(monkeypatch, answers, stopped=lambda: "", timeout=3):
    clock, seen = Clock(), iter(answers)
    monkeypatch.setattr(readiness, "probe", lambda ready, limit: next(seen, "refused"))
    return readiness.wait({"timeout": timeout}, stopped, clock, clock.sleep), clock.now


def test_waits_for_a_late_service(monkeypatch):
    assert wait(monkeypatch, ["refused", "refused", ""]) == ("", pytest.approx(0.2))


def test_timeout_says_what_was_seen_last(monkeypatch):
    seen, after = wait(monkeypatch, [])
    assert seen == "not ready after 3 s; last seen: refused"
    assert after == pytest.approx(3, abs=0.2)


def test_dead_unit_is_not_awaited(monkeypatch):
    seen, after = wait(monkeypatch, [], stopped=lambda: "etcd is failed (exit-code)", timeout=60)
    assert seen == "etcd is failed (exit-code); last seen: refused"
    assert after < 2
