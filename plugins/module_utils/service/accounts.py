# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""System accounts of a service: what must be created or changed, and the shadow-utils calls that do it."""

from __future__ import annotations

import grp
import pwd
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run


@dataclass(frozen=True)
class Account:
    """An account as the host knows it. ``groups`` are the supplementary groups."""

    name: str
    group: str
    groups: frozenset[str]
    home: str
    shell: str
    comment: str


@dataclass(frozen=True)
class AccountStep:
    """One command to run and how it reads in the list of changes."""

    change: str
    command: tuple[str, ...]


def read(name: str) -> Account | None:
    """Return the account, or None where the host has none of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    try:
        group = grp.getgrgid(entry.pw_gid).gr_name
    except KeyError:
        group = str(entry.pw_gid)
    groups = frozenset(g.gr_name for g in grp.getgrall() if name in g.gr_mem)
    return Account(name, group, groups, entry.pw_dir, entry.pw_shell, entry.pw_gecos)


def group_exists(name: str) -> bool:
    """Say whether the host has a group of that name."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def plan(desired: dict, current: Account | None, has_group: bool) -> list[AccountStep]:
    """Return the steps from ``current`` to ``desired`` (keys name, group, groups, home, shell, comment; None leaves a value alone).

    Supplementary groups are added, never taken away: packages and operators add to them too.
    """
    name = desired["name"]
    group = desired.get("group") or name
    groups = desired.get("groups") or []
    steps = [] if has_group else [AccountStep(f"create group {group}", ("groupadd", "--system", group))]
    if current is None:
        command = ["useradd", "--system", "--no-create-home", "--gid", group]
        command += ["--home-dir", desired.get("home") or "/nonexistent", "--shell", desired.get("shell") or "/usr/sbin/nologin"]
        if groups:
            command += ["--groups", ",".join(groups)]
        if desired.get("comment"):
            command += ["--comment", desired["comment"]]
        return [*steps, AccountStep(f"create user {name}", (*command, name))]
    options: list[str] = []
    if desired.get("group") and current.group != group:
        options += ["--gid", group]
    missing = [g for g in groups if g not in current.groups and g != current.group]
    if missing:
        options += ["--append", "--groups", ",".join(missing)]
    for key, option in (("home", "--home"), ("shell", "--shell"), ("comment", "--comment")):
        if desired.get(key) is not None and getattr(current, key) != desired[key]:
            options += [option, desired[key]]
    if options:
        steps.append(AccountStep(f"change user {name} ({' '.join(options)})", ("usermod", *options, name)))
    return steps


def apply(steps: list[AccountStep]) -> None:
    """Run the steps. Raises CloudError with the tool's own words."""
    for step in steps:
        run(step.command, step.change)
