# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A caching HTTP proxy for apt: what one host downloaded, no host downloads again. Stands alone: ``python3 apt_cache.py --help``.

Why it is our own: docs/decisions/0001-lab-package-cache.md. Several of them (one per lab) share one directory, because
every file appears there complete, by rename, and downloads of the same file wait for each other by lock.
"""

from __future__ import annotations

import argparse
import contextlib
import email.utils
import fcntl
import hashlib
import http.client
import http.server
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

CHUNK = 256 * 1024
# Downloads of files that share one of these locks wait for each other; the number only bounds the files in locks/.
LOCKS = 256


def is_immutable(path: str) -> bool:
    """Package files and by-hash indexes never change under their name; everything else in a Debian archive may."""
    return "/by-hash/" in path or ("/pool/" in path and path.endswith((".deb", ".udeb", ".dsc", ".xz", ".gz", ".bz2", ".asc", ".zst")))


class Cache:
    """The directory. ``hosts`` maps the mirrors that may be asked to the scheme they are asked by."""

    def __init__(self, directory: Path, hosts: dict[str, str], fresh_seconds: float):
        self.directory = directory
        self.hosts = hosts
        self.fresh_seconds = fresh_seconds
        (directory / "locks").mkdir(parents=True, exist_ok=True)
        (directory / "incoming").mkdir(parents=True, exist_ok=True)
        for path in (directory / "incoming").iterdir():
            # Left by a cache that was killed; a download in progress was written to a moment ago.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > 3600:
                    path.unlink()

    def path(self, host: str, path: str) -> Path:
        parts = [part for part in urllib.parse.unquote(path).split("/") if part not in ("", ".", "..")]
        return self.directory.joinpath("files", host, *parts)

    @contextlib.contextmanager
    def lock(self, path: Path):
        number = int(hashlib.sha256(str(path).encode()).hexdigest(), 16) % LOCKS
        with (self.directory / "locks" / f"{number:02x}").open("w", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def is_fresh(self, path: Path) -> bool:
        """Whether the file may be served without asking the mirror."""
        try:
            return is_immutable(str(path)) or time.time() - path.stat().st_mtime < self.fresh_seconds
        except OSError:
            return False

    def open_upstream(self, host: str, path: str, stored: Path):
        """The mirror's answer; with a stored file the mirror is asked whether that is still current."""
        # The scheme is http or https (see main) and the host is one of the mirrors, whatever was asked.
        request = urllib.request.Request(f"{self.hosts[host]}://{host}{path}", headers={"User-Agent": "honeycomb-apt-cache"})  # noqa: S310
        if stored.exists():
            with contextlib.suppress(OSError, ValueError):
                for name, value in json.loads(stored.with_name(f"{stored.name}.validators").read_text(encoding="utf-8")).items():
                    request.add_header(name, value)
        return urllib.request.build_opener().open(request, timeout=30)

    def keep(self, temporary: Path, path: Path, headers) -> None:
        """Moves a complete download to its place. Validators follow the file: old ones with a new file only cost a download."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
        validators = {}
        if headers.get("ETag"):
            validators["If-None-Match"] = headers["ETag"]
        if headers.get("Last-Modified"):
            validators["If-Modified-Since"] = headers["Last-Modified"]
        if not is_immutable(str(path)):
            with tempfile.NamedTemporaryFile("w", dir=self.directory / "incoming", delete=False, encoding="utf-8") as handle:
                json.dump(validators, handle)
            Path(handle.name).replace(path.with_name(f"{path.name}.validators"))


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of an apt."""

    protocol_version = "HTTP/1.1"
    cache: Cache

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.scheme != "http" or url.hostname is None:
            return self._refuse(400, "this is a proxy for http:// URLs")
        if url.netloc not in self.cache.hosts:
            return self._refuse(403, f"{url.netloc} is not among this cache's mirrors: {', '.join(sorted(self.cache.hosts))}")
        target = url.path + (f"?{url.query}" if url.query else "")
        stored = self.cache.path(url.netloc, target)
        if stored.is_file() and self.cache.is_fresh(stored):
            return self._serve(stored, "hit")
        with self.cache.lock(stored):
            if not (stored.is_file() and self.cache.is_fresh(stored)):
                return self._fetch(url.netloc, target, stored)
        return self._serve(stored, "hit")

    do_HEAD = do_GET

    def _fetch(self, host: str, target: str, stored: Path) -> None:
        try:
            response = self.cache.open_upstream(host, target, stored)
        except urllib.error.HTTPError as error:
            if error.code == 304:
                os.utime(stored)
                return self._serve(stored, "revalidated")
            return self._refuse(error.code, error.reason)
        except OSError as error:
            if stored.is_file():
                return self._serve(stored, "stale")
            return self._refuse(504, f"{host} cannot be reached: {error}")
        with response, tempfile.NamedTemporaryFile(dir=self.cache.directory / "incoming", delete=False) as incoming:
            try:
                complete = self._relay(response, incoming, stored)
            except OSError as error:
                complete = False
                self.log_message("%s: %s", target, error)
            finally:
                incoming.flush()
            if complete:
                # A package that a power cut left empty would be served for ever.
                os.fsync(incoming.fileno())
                self.cache.keep(Path(incoming.name), stored, response.headers)
            else:
                Path(incoming.name).unlink()
                self.close_connection = True

    def _relay(self, response, incoming, stored: Path) -> bool:
        """Sends the mirror's answer on while it is written down; False when the mirror's answer broke off."""
        length = response.headers.get("Content-Length")
        listening = self.command == "GET"
        if length is None:
            self.close_connection = True
        self.send_response(200)
        self._headers(length, response.headers.get("Last-Modified"), "miss")
        digest, size = hashlib.sha256(), 0
        while chunk := self._read(response):
            incoming.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            if listening:
                try:
                    self.wfile.write(chunk)
                except OSError:  # this apt went away; the next one will want the file
                    listening, self.close_connection = False, True
        named = stored.name if "/by-hash/SHA256/" in str(stored) else None
        return (length is None or size == int(length)) and (named is None or digest.hexdigest() == named)

    @staticmethod
    def _read(response) -> bytes:
        try:
            return response.read(CHUNK)
        except http.client.HTTPException as error:
            raise OSError(f"the mirror broke off: {error!r}") from error

    def _serve(self, stored: Path, how: str) -> None:
        with stored.open("rb") as handle:
            details = os.fstat(handle.fileno())
            self.send_response(200)
            self._headers(str(details.st_size), email.utils.formatdate(details.st_mtime, usegmt=True), how)
            if self.command == "GET":
                shutil.copyfileobj(handle, self.wfile, CHUNK)

    def _headers(self, length: str | None, modified: str | None, how: str) -> None:
        if length is not None:
            self.send_header("Content-Length", length)
        if modified:
            self.send_header("Last-Modified", modified)
        self.send_header("X-Cache", how)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.log_message("%s %s", how, self.path)

    def _refuse(self, code: int, why: str) -> None:
        body = f"{why}\n".encode()
        self.send_response(code)
        self._headers(str(len(body)), None, f"refused {code}")
        if self.command == "GET":
            self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """Silent: _headers logs each request once, with where the answer came from."""

    def log_message(self, format, *args):
        # One write per line, so that threads do not mix their lines.
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {self.client_address[0]} {format % args}\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT", help="port 0 takes a free one")
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("--mirror", action="append", required=True, metavar="SCHEME://HOST", help="a mirror that may be asked; repeatable")
    parser.add_argument("--fresh-seconds", type=float, default=3600, help="how long an index is served without asking the mirror")
    parser.add_argument("--port-file", type=Path, help="where to write the port once connections are accepted")
    options = parser.parse_args()
    mirrors = [urllib.parse.urlsplit(mirror) for mirror in options.mirror]
    if wrong := [mirror.geturl() for mirror in mirrors if mirror.scheme not in ("http", "https") or not mirror.netloc]:
        parser.error(f"not a mirror: {', '.join(wrong)}")
    hosts = {mirror.netloc: mirror.scheme for mirror in mirrors}
    Handler.cache = Cache(options.directory, hosts, options.fresh_seconds)
    address, _colon, port = options.listen.rpartition(":")
    server = Server((address, int(port)), Handler)
    if options.port_file:
        temporary = options.port_file.with_name(f".{options.port_file.name}")
        temporary.write_text(str(server.server_address[1]), encoding="ascii")
        temporary.replace(options.port_file)
    signal.signal(signal.SIGTERM, lambda *_arguments: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
