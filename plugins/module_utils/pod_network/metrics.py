# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures of a program in the text format of Prometheus, on the host's own loopback address."""

from __future__ import annotations

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters, gauges and histograms by name; each has one line of help."""

    def __init__(self, helps: dict[str, tuple[str, str]]):
        """``helps``: name -> (type, help)."""
        self._helps = helps
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = defaultdict(dict)
        self._buckets: dict[str, dict[Labels, list[int]]] = defaultdict(dict)

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            key = tuple(sorted(labels.items()))
            self._values[name][key] = self._values[name].get(key, 0) + amount

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[name][tuple(sorted(labels.items()))] = value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add an observation to a histogram."""
        with self._lock:
            key = tuple(sorted(labels.items()))
            counts = self._buckets[name].setdefault(key, [0] * (len(BUCKETS) + 1))
            counts[next((n for n, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))] += 1
            self._values[name][key] = self._values[name].get(key, 0) + seconds

    def text(self) -> str:
        """Return everything in the text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
        lines = []
        with self._lock:
            for name, (kind, what) in self._helps.items():
                lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
                for labels, value in sorted(self._values[name].items()):
                    if kind == "histogram":
                        lines += self._histogram(name, labels, value)
                    else:
                        lines.append(f"{name}{_shown(labels)} {value:g}")
        return "".join(f"{line}\n" for line in lines)

    def _histogram(self, name: str, labels: Labels, total: float) -> list[str]:
        lines, count = [], 0
        for bound, number in zip([*map(str, BUCKETS), "+Inf"], self._buckets[name][labels], strict=True):
            count += number
            lines.append(f"{name}_bucket{_shown((*labels, ('le', bound)))} {count}")
        return [*lines, f"{name}_sum{_shown(labels)} {total:g}", f"{name}_count{_shown(labels)} {count}"]

    def serve(self, port: int) -> None:
        """Answer GET /metrics on 127.0.0.1 from now on."""
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                found = self.path == "/metrics"
                body = metrics.text().encode() if found else b"GET /metrics\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing: every scrape would be a line."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _shown(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
