"""The package cache against a mirror of our own on the loopback interface."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import apt_cache

DEB = "/debian/pool/main/h/hello/hello_1_amd64.deb"
RELEASE = "/debian/dists/trixie/InRelease"


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves ``files``; notes each request; ``slow`` seconds pass within a body; ``short`` breaks off half-way."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes] = {}  # noqa: RUF012 (set anew by the fixture)
    requests: list[str] = []  # noqa: RUF012
    slow = 0.0
    short = False
    validators = True

    def do_GET(self):
        self.requests.append(self.path)
        body = self.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        etag = hashlib.sha256(body).hexdigest()
        if self.validators and self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.validators:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        time.sleep(self.slow)
        if self.short:
            self.close_connection = True
        else:
            self.wfile.write(body[len(body) // 2 :])

    def log_message(self, format, *args):
        pass


def serve(handler) -> http.server.ThreadingHTTPServer:
    server = apt_cache.Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class Setup:
    def __init__(self, directory: Path):
        self.mirror_class = type("OwnMirror", (Mirror,), {"files": {DEB: b"d" * 100_000, RELEASE: b"release 1"}, "requests": []})
        self.mirror = serve(self.mirror_class)
        self.directory = directory
        self.name = f"127.0.0.1:{self.mirror.server_address[1]}"
        self.caches = []

    def cache(self, fresh_seconds: float = 3600) -> str:
        """Starts a cache on the common directory and returns its proxy URL."""
        handler = type("Handler", (apt_cache.Handler,), {"cache": apt_cache.Cache(self.directory, {self.name: "http"}, fresh_seconds)})
        self.caches.append(serve(handler))
        return f"http://127.0.0.1:{self.caches[-1].server_address[1]}"

    def get(self, proxy: str, path: str, host: str | None = None) -> tuple[bytes, str]:
        """(body, where it came from) of a file asked for through a proxy."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
        with opener.open(f"http://{host or self.name}{path}", timeout=10) as response:
            answer = response.read(), response.headers["X-Cache"]
        # A client has the last byte a moment before the file is in its place.
        deadline = time.monotonic() + 5
        while list((self.directory / "incoming").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return answer

    def end(self) -> None:
        for server in [self.mirror, *self.caches]:
            server.shutdown()
            server.server_close()


@pytest.fixture
def setup(tmp_path):
    made = Setup(tmp_path)
    yield made
    made.end()


def test_a_package_is_downloaded_once_for_all_caches(setup):
    one, two = setup.cache(), setup.cache()
    assert setup.get(one, DEB) == (b"d" * 100_000, "miss")
    assert setup.get(one, DEB) == (b"d" * 100_000, "hit")
    assert setup.get(two, DEB) == (b"d" * 100_000, "hit")
    assert setup.mirror_class.requests == [DEB]


def test_hosts_that_ask_at_the_same_time_cause_one_download(setup):
    setup.mirror_class.slow = 0.3
    proxies = [setup.cache(), setup.cache()]
    answers = []
    threads = [threading.Thread(target=lambda proxy=proxy: answers.append(setup.get(proxy, DEB))) for proxy in proxies * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(how for _body, how in answers) == ["hit"] * 5 + ["miss"]
    assert {body for body, _how in answers} == {b"d" * 100_000}
    assert setup.mirror_class.requests == [DEB]


def test_an_index_is_asked_for_again_when_it_is_old(setup):
    fresh, old = setup.cache(3600), setup.cache(0)
    assert setup.get(fresh, RELEASE)[1] == "miss"
    assert setup.get(fresh, RELEASE)[1] == "hit"
    assert setup.get(old, RELEASE) == (b"release 1", "revalidated")
    setup.mirror_class.files[RELEASE] = b"release 2"
    assert setup.get(fresh, RELEASE)[0] == b"release 1"
    assert setup.get(old, RELEASE) == (b"release 2", "miss")
    assert setup.get(fresh, RELEASE) == (b"release 2", "hit")


def test_without_the_mirror_an_old_index_is_better_than_none(setup):
    proxy = setup.cache(0)
    setup.get(proxy, RELEASE)
    setup.get(proxy, DEB)
    setup.mirror.shutdown()
    setup.mirror.server_close()
    assert setup.get(proxy, RELEASE) == (b"release 1", "stale")
    assert setup.get(proxy, DEB)[1] == "hit"
    with pytest.raises(urllib.error.HTTPError, match="504"):
        setup.get(proxy, DEB.replace("hello_1", "hello_2"))


def test_what_breaks_off_is_not_kept(setup):
    proxy = setup.cache()
    setup.mirror_class.short = True
    with pytest.raises(http.client.IncompleteRead):
        setup.get(proxy, DEB)
    setup.mirror_class.short = False
    assert setup.get(proxy, DEB) == (b"d" * 100_000, "miss")
    assert list((setup.directory / "incoming").iterdir()) == []


def test_what_is_named_by_its_hash_must_have_it(setup):
    good = f"/debian/dists/trixie/main/by-hash/SHA256/{hashlib.sha256(b'list').hexdigest()}"
    bad = f"/debian/dists/trixie/main/by-hash/SHA256/{'0' * 64}"
    setup.mirror_class.files |= {good: b"list", bad: b"not the list"}
    proxy = setup.cache(0)
    assert [setup.get(proxy, good)[1] for _attempt in range(2)] == ["miss", "hit"]
    assert [setup.get(proxy, bad)[1] for _attempt in range(2)] == ["miss", "miss"]


def test_leftovers_of_a_killed_cache_are_deleted(setup):
    incoming = setup.directory / "incoming"
    incoming.mkdir()
    for name, age in (("old", 7200), ("new", 0)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age,) * 2)
    setup.cache()
    assert [path.name for path in incoming.iterdir()] == ["new"]


def test_it_is_no_open_proxy(setup):
    proxy = setup.cache()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        setup.get(proxy, DEB, host="elsewhere.example")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{proxy}/etc/passwd", timeout=5)
    assert setup.mirror_class.requests == []


def test_a_path_stays_in_the_cache(tmp_path):
    cache = apt_cache.Cache(tmp_path, {}, 0)
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/./passwd"):
        assert cache.path("mirror", path) == tmp_path / "files" / "mirror" / "etc" / "passwd"


def test_errors_of_the_mirror_are_passed_on_and_not_kept(setup):
    proxy = setup.cache()
    for _attempt in range(2):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            setup.get(proxy, "/debian/pool/none.deb")
    assert len(setup.mirror_class.requests) == 2
