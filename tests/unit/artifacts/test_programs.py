# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Artifacts: checked entries, a mirror with whole files only, and programs of a host that are what the manifest says."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts import files
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

CONTENT = b"\x7fELF" + bytes(range(256)) * 8192  # two blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GOOD = {"version": "1.34.1", "url": "https://mirror.example/kubectl", "sha256": SHA256}


class TestManifest:
    def test_whole_entry(self):
        files.check("kubectl", GOOD)

    @pytest.mark.parametrize(
        ("entry", "says"),
        [
            (None, "kubectl lacks version, url, sha256"),
            ("1.34.1", "kubectl lacks version, url, sha256"),
            ({**GOOD, "url": ""}, "kubectl lacks url"),
            ({**GOOD, "version": 1.34}, "expected the version of kubectl as a string, found 1.34"),
            ({**GOOD, "version": "../../etc"}, "expected the version of kubectl as a string"),
            ({**GOOD, "sha256": "abc"}, "expected the sha256 of kubectl as 64 hexadecimal digits, found 'abc'"),
            ({**GOOD, "sha256": SHA256.upper()}, "64 hexadecimal digits"),
            ({**GOOD, "sha256": SHA256 + "\n"}, "64 hexadecimal digits"),
        ],
    )
    def test_each_mistake_is_named(self, entry, says):
        with pytest.raises(CloudError) as refused:
            files.check("kubectl", entry)
        assert says in refused.value.message
        assert "docs/versions.md" in refused.value.hint

    def test_checksum_is_part_of_the_path(self):
        assert str(files.mirror_path("/m", "kubectl", GOOD)) == f"/m/kubectl/1.34.1/{SHA256}/kubectl"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/broken":  # promises more than it sends
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"short")
        else:
            super().do_GET()


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "upstream"
    folder.mkdir()
    (folder / "kubectl").write_bytes(CONTENT)
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


class TestFetch:
    def test_file_arrives_whole_and_checked(self, tmp_path, server):
        target = tmp_path / "mirror/a/kubectl"
        files.fetch(f"{server}/kubectl", target, SHA256)
        assert target.read_bytes() == CONTENT
        assert list(target.parent.iterdir()) == [target]
        assert target.stat().st_mode & 0o777 == 0o644

    def test_others_may_read_it_whatever_the_umask(self, tmp_path, server):
        before = os.umask(0o077)
        try:
            files.fetch(f"{server}/kubectl", tmp_path / "kubectl", SHA256)
        finally:
            os.umask(before)
        assert (tmp_path / "kubectl").stat().st_mode & 0o777 == 0o644

    def test_file_url(self, tmp_path):
        (tmp_path / "source").write_bytes(CONTENT)
        files.fetch((tmp_path / "source").as_uri(), tmp_path / "m/kubectl", SHA256)
        assert files.checksum(tmp_path / "m/kubectl") == SHA256

    @pytest.mark.parametrize(
        ("path", "sha256", "says"),
        [
            ("/kubectl", "0" * 64, f"expected SHA-256 {'0' * 64}, found {SHA256}"),
            ("/gone", SHA256, "404"),
            ("/broken", SHA256, f"found {hashlib.sha256(b'short').hexdigest()}"),
        ],
    )
    def test_failure_leaves_nothing(self, tmp_path, server, path, sha256, says):
        target = tmp_path / "mirror/kubectl"
        with pytest.raises(CloudError) as failed:
            files.fetch(server + path, target, sha256)
        assert says in failed.value.message
        assert list(target.parent.iterdir()) == []

    def test_nobody_there(self, tmp_path):
        with pytest.raises(CloudError, match="Connection refused"):
            files.fetch("http://127.0.0.1:1/kubectl", tmp_path / "m/kubectl", SHA256)

    @pytest.mark.parametrize("url", ["ftp://mirror.example/kubectl", "/etc/passwd", "file://host/etc/passwd"])
    def test_other_urls_are_refused(self, tmp_path, url):
        with pytest.raises(CloudError, match="expected an http, https or file URL"):
            files.fetch(url, tmp_path / "m/kubectl", SHA256)
        assert not (tmp_path / "m").exists()


@pytest.fixture
def host(tmp_path):
    return files.Installed(str(tmp_path / "opt"))


@pytest.fixture
def source(tmp_path):
    (tmp_path / "transfer").write_bytes(CONTENT)
    return str(tmp_path / "transfer")


class TestInstalled:
    def state(self, host, artifact=GOOD, verify=False):
        found = host.inspect({"kubectl": artifact}, verify)["kubectl"]
        return found["file"], found["link"]

    def test_install_and_use(self, host, source):
        assert self.state(host) == (False, False)
        host.install("kubectl", GOOD, source)
        assert self.state(host) == (True, False)
        host.use("kubectl", GOOD, renew=False)
        assert self.state(host) == self.state(host, verify=True) == (True, True)
        assert host.link("kubectl").read_bytes() == CONTENT
        assert os.access(host.link("kubectl"), os.X_OK)

    def test_damaged_transfer_replaces_nothing(self, host, source, tmp_path):
        host.install("kubectl", GOOD, source)
        (tmp_path / "bad").write_bytes(CONTENT[:-1])
        with pytest.raises(CloudError, match="after the transfer"):
            host.install("kubectl", GOOD, str(tmp_path / "bad"))
        assert self.state(host) == (True, False)

    def test_changed_file_is_seen_without_reading_it(self, host, source):
        host.install("kubectl", GOOD, source)
        program = host.root / "kubectl/1.34.1/kubectl"
        program.write_bytes(CONTENT + b"x")
        assert self.state(host) == (False, False)
        host.install("kubectl", GOOD, source)
        program.chmod(0o700)
        assert self.state(host) == (False, False)

    def test_forged_time_is_only_seen_by_reading_the_file(self, host, source):
        host.install("kubectl", GOOD, source)
        program = host.root / "kubectl/1.34.1/kubectl"
        before = program.stat()
        program.write_bytes(b"X" + CONTENT[1:])
        os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert self.state(host) == (True, False)
        assert self.state(host, verify=True) == (False, False)

    def test_another_checksum_of_the_same_version_is_another_file(self, host, source):
        host.install("kubectl", GOOD, source)
        assert self.state(host, {**GOOD, "sha256": "0" * 64}) == (False, False)

    def test_link_is_left_alone_unless_it_must_change(self, host, source):
        host.install("kubectl", GOOD, source)
        host.use("kubectl", GOOD, renew=False)
        os.utime(host.link("kubectl"), ns=(1, 1), follow_symlinks=False)
        host.use("kubectl", GOOD, renew=False)
        assert host.link("kubectl").lstat().st_mtime_ns == 1
        host.use("kubectl", GOOD, renew=True)
        assert host.link("kubectl").lstat().st_mtime_ns > 1

    def test_another_version_takes_over_and_old_ones_go(self, host, source):
        for number, version in enumerate(["1.31.0", "1.32.0", "1.33.0", "1.34.1"]):
            host.install("kubectl", {**GOOD, "version": version}, source)
            os.utime(host.root / "kubectl" / version, (number, number))
        host.use("kubectl", GOOD, renew=False)
        assert host.link("kubectl").resolve() == host.root / "kubectl/1.34.1/kubectl"
        assert sorted(host.prune("kubectl", "1.34.1", 1)) == ["1.31.0", "1.32.0"]
        assert sorted(path.name for path in (host.root / "kubectl").iterdir()) == ["1.33.0", "1.34.1"]
