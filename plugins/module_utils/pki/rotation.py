# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replaces CAs in three steps, so that at no time a service meets a certificate that it does not trust.

1. ``begin``: a new CA beside the old one. Hosts trust both, certificates come from the old one.
2. ``switch``: certificates come from the new one. Hosts trust both still.
3. ``end``: hosts trust the new one alone.

Between two steps all hosts are brought to the state. Which step was the last follows from the files: NAME.next.* after ``begin``,
NAME.old.crt after ``switch``. A journal says what is under way, also after ``end``, until the hosts were brought to that too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, PUBLIC, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas

STEPS = ("begin", "switch", "end", "finish")
JOURNAL = "rotation.json"


def journal(directory: str) -> dict:
    """Return what is under way: ``cas`` and ``since``; empty when nothing is."""
    try:
        return json.loads((Path(directory) / JOURNAL).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CloudError(f"{Path(directory) / JOURNAL} is not JSON: {error}", "It names the CAs whose rotation is under way.") from error


def _paths(directory: str, name: str, kind: str) -> tuple[Path, Path]:
    return cas.paths(directory, f"{name}.{kind}")


def changes(directory: str, step: str, names: list[str]) -> list[tuple[str, Callable[[], None]]]:
    """Return what a step does, each with a sentence. Nothing where it, or a later one, was done before. Raises CloudError."""
    under_way = journal(directory)
    if under_way and sorted(under_way["cas"]) != sorted(names):
        other = ",".join(under_way["cas"])
        raise CloudError(f"The rotation of CA {other} is under way since {under_way['since']}", f"End it first: -e ca={other}")
    if not under_way and step != "begin":
        raise CloudError("No rotation is under way", "Begin with step begin.")
    if step == "begin":
        return _begin(directory, names, bool(under_way))
    return {"switch": _switch, "end": _end, "finish": _finish}[step](directory, names)


def _begin(directory: str, names: list[str], under_way: bool) -> list[tuple[str, Callable[[], None]]]:
    absent = [name for name in names if not cas.paths(directory, name)[0].exists()]
    if absent:
        raise CloudError(f"There is no CA {', '.join(absent)} in {directory}", f"There are: {', '.join(cas.names(directory))}.")
    if under_way:
        return []
    begun = {name for name in names if any(_paths(directory, name, kind)[0].exists() for kind in ("next", "old"))}
    steps = [(f"make a new CA {name}", lambda name=name: _make(directory, name)) for name in names if name not in begun]
    since = datetime.now(UTC).isoformat(timespec="seconds")
    # Last, because a flow whose journal is there does not come back to this step.
    entry = (f"begin the rotation of CA {', '.join(names)}", lambda: _write(directory, {"cas": sorted(names), "since": since}))
    return [*steps, entry]


def _make(directory: str, name: str) -> None:
    old = cas.certificate(directory, name)
    days = (old.not_valid_after_utc - old.not_valid_before_utc).days
    common_name = old.subject.rfc4514_string().removeprefix("CN=")
    cas.write(_paths(directory, name, "next"), common_name, days)


def _switch(directory: str, names: list[str]) -> list[tuple[str, Callable[[], None]]]:
    waiting = [name for name in names if _paths(directory, name, "next")[0].exists()]
    return [(f"issue by the new CA {name}", lambda name=name: _put_in_place(directory, name)) for name in waiting]


def _put_in_place(directory: str, name: str) -> None:
    certificate, key = cas.paths(directory, name)
    new_certificate, new_key = _paths(directory, name, "next")
    old, _key = _paths(directory, name, "old")
    # An interruption leaves a pair that does not match only between the two renames; the next call ends it, as NAME.next.crt is left then.
    if new_key.exists():
        replace(old, certificate.read_bytes(), PUBLIC)
        new_key.rename(key)
    new_certificate.rename(certificate)


def _end(directory: str, names: list[str]) -> list[tuple[str, Callable[[], None]]]:
    old = {name: _paths(directory, name, "old")[0] for name in names}
    return [(f"trust the old CA {name} no more", path.unlink) for name, path in old.items() if path.exists()]


def _finish(directory: str, names: list[str]) -> list[tuple[str, Callable[[], None]]]:
    return [(f"end the rotation of CA {', '.join(names)}", (Path(directory) / JOURNAL).unlink)]


def _write(directory: str, content: dict) -> None:
    replace(Path(directory) / JOURNAL, json.dumps(content).encode(), PRIVATE)
