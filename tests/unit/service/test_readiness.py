# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Readiness: real sockets on loopback; a service that comes late, never, or dies."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import readiness


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
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


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
