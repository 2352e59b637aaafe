# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replaces secrets in steps, so that at no time a service meets a secret that it does not know.

1. ``begin``: NAME_next is made. Hosts accept it beside NAME, which they use.
2. ``switch``: NAME_next becomes NAME, and what it was NAME_old. Hosts accept both still.
3. ``end``: NAME_old is gone. Or ``back``: NAME_old is NAME again, and the new value is gone.

Between two steps hosts are brought to the state. Which step was the last follows from the secrets file alone, of which the cloud keeps
copies: a rotation goes on wherever the state is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secrets

STEPS = ("begin", "switch", "back", "end")


@dataclass
class Change:
    """What a step does to the secrets file: values that are written, names that are removed, and one sentence for each secret.

    ``kept``: secrets whose old value is still accepted, with the time until which it is.
    """

    new: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


def names(secret: str) -> tuple[str, str, str]:
    """Return the names of the next and the old value, and of the time (seconds since 1970) at which it became the old one."""
    return f"{secret}_next", f"{secret}_old", f"{secret}_old_since"


def accepted(values: Mapping[str, str], secret: str) -> list[str]:
    """Return the values that hosts accept beside the one that they use."""
    upcoming, old, _since = names(secret)
    return [values[name] for name in (upcoming, old) if values.get(name)]


def change(step: str, wanted: Iterable[dict], values: Mapping[str, str], keep: Mapping[str, float]) -> Change:
    """Return what a step does; nothing for a secret of which it, or a later one, was done before. Raises CloudError.

    ``wanted``: secrets with name, kind and size. ``keep``: by name, seconds for which the old value of a secret is accepted after its
    replacement.
    """
    result = Change()
    for secret in wanted:
        if not values.get(secret["name"]):
            raise CloudError(f"There is no secret {secret['name']} to replace", "Run site.yml: it makes what is missing.")
        {"begin": _begin, "switch": _switch, "back": _back, "end": _end}[step](result, secret, values, float(keep.get(secret["name"]) or 0))
    return result


def _begin(result: Change, secret: dict, values: Mapping[str, str], _keep: float) -> None:
    upcoming, old, _since = names(secret["name"])
    if not values.get(upcoming) and not values.get(old):
        result.new[upcoming] = secrets.generate(secret["kind"], secret["size"])
        result.sentences.append(f"make a new {secret['name']}")


def _switch(result: Change, secret: dict, values: Mapping[str, str], _keep: float) -> None:
    name = secret["name"]
    upcoming, old, since = names(name)
    if values.get(upcoming):
        result.new |= {name: values[upcoming], old: values[name], since: str(int(time.time()))}
        result.gone.append(upcoming)
        result.sentences.append(f"use the new {name}")


def _back(result: Change, secret: dict, values: Mapping[str, str], _keep: float) -> None:
    name = secret["name"]
    upcoming, old, since = names(name)
    if values.get(old):
        result.new[name] = values[old]
    result.gone += [other for other in (upcoming, old, since) if other in values]
    if result.gone:
        result.sentences.append(f"use the old {name} again")


def _end(result: Change, secret: dict, values: Mapping[str, str], keep: float) -> None:
    upcoming, old, since = names(secret["name"])
    if values.get(upcoming):
        raise CloudError(f"The new {secret['name']} is not in use yet", "Step switch comes before step end.")
    if not values.get(old):
        return
    until = float(values.get(since) or 0) + keep
    if until > time.time():
        result.kept[secret["name"]] = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
        return
    result.gone += [name for name in (old, since) if name in values]
    result.sentences.append(f"accept the old {secret['name']} no more")
