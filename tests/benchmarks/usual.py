"""The same services in the usual way: one builtin module per file, directory, account and unit.

A run of site.yml logs what every call of honeycomb.cloud.service was given. From that log two playbooks are written that
declare exactly the same on the same hosts: ``ours.yml`` with one call per service, ``usual.yml`` with loops over builtin modules.
Secret files are in neither, because the log does not have them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

# A result in the log of the progress callback: "<time> <host> <status>: <layer> <n>/<m> <title> (<file>) {json}".
RESULT = re.compile(r"^\S+ (?P<host>\S+) (?:ok|changed): .*?\((?P<path>[^()]+:\d+)\) (?P<result>\{.*\})$")
PARTS = ("users", "directories", "files", "links", "units")


class Unsafe(str):
    """Text that is not a template, whatever it looks like."""


class Dumper(yaml.SafeDumper):
    """YAML without aliases, with Ansible's tag for text that is not a template."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Dumper.add_representer(Unsafe, lambda dumper, data: dumper.represent_scalar("!unsafe", str(data), style='"'))


def recorded_services(log: Path) -> dict[str, dict[str, dict]]:
    """host -> service name -> arguments, in the order of the run."""
    services: dict[str, dict[str, dict]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        found = RESULT.match(line)
        if not found:
            continue
        arguments = json.loads(found["result"]).get("invocation", {}).get("module_args", {})
        if not {"secret_files", *PARTS} <= set(arguments):
            continue
        known = services.setdefault(found["host"], {})
        name = arguments["name"]
        while name in known:
            name += "+"
        # Only in "ready" do options exclude each other; the builtin modules are asked by the names of all others.
        units = [dict(unit) for unit in arguments["units"]]
        for unit in units:
            if unit.get("ready"):
                unit["ready"] = {key: value for key, value in unit["ready"].items() if value is not None}
        known[name] = {key: arguments[key] for key in ("name", "sysctl", *PARTS)} | {"units": units}
        for item in arguments["directories"] + arguments["files"]:
            if isinstance(item["mode"], int):  # the module has read it by now
                item["mode"] = f"{item['mode']:04o}"
    return services


def items(services: dict[str, dict[str, dict]]) -> dict[str, int]:
    """How many things each host declares: what the usual way calls a module for."""
    return {
        host: sum(len(one[part]) for one in named.values() for part in PARTS) + sum(len(one["sysctl"] or {}) for one in named.values())
        for host, named in services.items()
    }


def write(services: dict[str, dict[str, dict]], folder: Path) -> tuple[Path, Path]:
    """Write both playbooks and their host_vars; return (ours, usual)."""
    (folder / "host_vars").mkdir(parents=True, exist_ok=True)
    for host, named in services.items():
        (folder / "host_vars" / f"{host}.yml").write_text(yaml.dump({"bench": _unsafe(named)}, Dumper=Dumper), encoding="utf-8")
    names = list(dict.fromkeys(name for named in services.values() for name in named))
    paths = []
    for kind, tasks in (("ours", _ours), ("usual", _usual)):
        play = {
            "name": f"{kind}: The same services",
            "hosts": ":".join(services),
            "gather_facts": False,
            "become": True,
            "tasks": [task for name in names for task in tasks(name)],
        }
        paths.append(folder / f"{kind}.yml")
        paths[-1].write_text(yaml.dump([play], Dumper=Dumper, sort_keys=False), encoding="utf-8")
    return paths[0], paths[1]


def _unsafe(value: Any) -> Any:
    if isinstance(value, str):
        return Unsafe(value) if "{" in value else value
    if isinstance(value, list):
        return [_unsafe(item) for item in value]
    if isinstance(value, dict):
        return {key: _unsafe(item) for key, item in value.items()}
    return value


def _ours(name: str) -> list[dict]:
    arguments = {part: f"{{{{ bench[{name!r}].{part} }}}}" for part in PARTS}
    arguments["name"] = f"{{{{ bench[{name!r}].name }}}}"
    arguments["sysctl"] = f"{{{{ bench[{name!r}].sysctl | default({{}}, true) }}}}"
    return [{"name": f"Set up {name}", "honeycomb.cloud.service": arguments, "when": f"{name!r} in bench"}]


def _usual(name: str) -> list[dict]:
    def each(what: str, module: str, arguments: dict, part: str, only: str = "") -> dict:
        loop = f"{{{{ (bench[{name!r}].{part} | default([], true)){only} }}}}"
        return {"name": f"{what} of {name}", module: arguments, "loop": loop, "when": f"{name!r} in bench", "loop_control": {"label": ""}}

    modes = {key: f"{{{{ item.{key} }}}}" for key in ("owner", "group", "mode")}
    account = {key: f"{{{{ item.{key} | default(omit, true) }}}}" for key in ("name", "group", "home", "shell", "comment")}
    unit = {"name": "{{ item.name }}", "enabled": "{{ item.enabled | default(omit, true) }}"}
    unit["state"] = "{{ item.state if item.state != 'unmanaged' else omit }}"
    present, absent = " | selectattr('state', 'eq', 'present')", " | selectattr('state', 'eq', 'absent')"
    copy = {"dest": "{{ item.path }}", "content": "{{ item.content }}", "validate": "{{ item.validate | default(omit, true) }}", **modes}
    sysctl = {"name": "{{ item.key }}", "value": "{{ item.value }}", "sysctl_file": f"/etc/sysctl.d/{name}.conf", "reload": False}
    return [
        each("Accounts", "ansible.builtin.user", {**account, "system": True, "create_home": False}, "users"),
        each("Directories", "ansible.builtin.file", {"path": "{{ item.path }}", "state": "directory", **modes}, "directories"),
        each("Files", "ansible.builtin.copy", copy, "files", present),
        each("Files that are gone", "ansible.builtin.file", {"path": "{{ item.path }}", "state": "absent"}, "files", absent),
        each(
            "Links",
            "ansible.builtin.file",
            {"src": "{{ item.target }}", "path": "{{ item.path }}", "state": "link", "follow": False},
            "links",
        ),
        each("Kernel settings", "ansible.posix.sysctl", sysctl, "sysctl", " | default({}, true) | dict2items"),
        each("Units", "ansible.builtin.systemd_service", unit, "units"),
    ]
