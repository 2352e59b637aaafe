# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hands each host what the components of its groups declare. Options: plugins/modules/component_facts.py."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import component_files, component_parts

ROLES = Path(__file__).resolve().parents[2] / "roles"
PARTS = ("hosts", "exports", "data")


class ActionModule(ActionBase):
    """Runs on the deployment host only, once for all hosts; no module is sent anywhere."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec({"part": {"type": "str", "choices": list(PARTS), "default": "hosts"}})[1]
        self._variables = task_vars or {}
        self._templars: dict[str, Any] = {}
        try:
            found = {"hosts": self._hosts, "exports": self._exports, "data": self._data}[arguments["part"]]()
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}
        return result | {"changed": False} | found

    @cached_property
    def _components(self) -> dict[str, component_files.Component]:
        return component_files.load(ROLES, lambda path: self._loader.load_from_file(path, trusted_as_template=True))

    @cached_property
    def _role_variables(self) -> dict:
        """Defaults and variables of the roles that are components: what their expressions may use."""
        found: dict[str, Any] = {}
        for name in self._components:
            for folder in ("defaults", "vars"):
                path = ROLES / name / folder / "main.yml"
                if path.exists():
                    found.update(self._loader.load_from_file(str(path), trusted_as_template=True) or {})
        return found

    @cached_property
    def _cloud(self) -> component_parts.Cloud:
        groups = {name: list(hosts) for name, hosts in self._variables["groups"].items()}
        return component_parts.Cloud(groups, self._variable, frozenset(component_files.groups(self._components.values())))

    def _variable(self, host: str, name: str) -> Any:
        templar = self._on(host)
        return templar.template(templar.available_variables.get(name))

    def _on(self, host: str) -> Any:
        """A templar that sees what a task on that host sees and, beneath it, the components' own options; one for each host."""
        if host not in self._templars:
            own = self._variables["hostvars"].raw_get(host)  # puts all variables of the host together
            seen = {**self._role_variables, **own, "hostvars": self._variables["hostvars"]}
            self._templars[host] = self._templar.copy_with_new_env(available_variables=seen)
        return self._templars[host]

    def _carriers(self, component: component_files.Component) -> Iterator[str]:
        """The hosts of the component's groups, in the order of the file; one of two groups comes twice."""
        return (host for group in component.groups for host in self._cloud.groups.get(group, []))

    def _first(self, component: component_files.Component) -> str:
        """The host for which what concerns the whole cloud is worked out; empty when no host has the component."""
        return next(self._carriers(component), "")

    def _render_first(self, component: component_files.Component, section: str, value: Any) -> Any:
        host = self._first(component)
        return component_parts.rendered(component, section, host, self._on(host).template, value)

    def _of_cloud(self, section: str) -> dict[str, Any]:
        """Return a section that is worked out once for the cloud, by component; components without a host are left out."""
        return {
            name: self._render_first(component, section, component.content[section])
            for name, component in self._components.items()
            if component.content.get(section) and self._first(component)
        }

    def _hosts(self) -> dict:
        offered = component_parts.services(self._components, self._render_first, self._cloud)
        hosts = {}
        for host in self._variables["ansible_play_hosts"]:
            templar = self._on(host)
            names = templar.available_variables["group_names"]
            for rule in self._own_rules(templar):
                component_parts.resolve(rule, host, self._cloud)
            part = component_parts.host_part(host, self._components, names, templar.template, self._cloud)
            hosts[host] = (
                component_parts.with_services(part, offered, self._cloud, host) if component_parts.LOAD_BALANCER in names else part
            )
        # Not as facts: Ansible copies a host's facts for each of its tasks, and here are those of all hosts.
        return {
            **self._exports(),
            "hosts": hosts,
            "sources": self._cloud.sources,
            "identities": {name: says for name in hosts if (says := self._identity(name))},
            "clusters": {name: found for name, one in self._components.items() if (found := self._cluster(one))},
            "cas": component_parts.cas(self._components.values(), self._cloud.groups),
            "deployment_host_certificates": component_parts.literal(self._components.values(), "deployment_host_certificates"),
            "load_balancer": offered,
            "summary": [row for rows in self._of_cloud("summary").values() for row in rows],
        }

    @staticmethod
    def _own_rules(templar: Any) -> list[dict]:
        """Return the firewall rules of a host that come from the operator, as role hosts puts them beside those of the components."""
        rules, administrators = (
            templar.template(templar.available_variables.get(name)) for name in ("hosts_firewall_rules", "hosts_ssh_from")
        )
        return [*(rule for rule in rules or [] if isinstance(rule, dict)), {"comment": "ssh", "from": administrators or []}]

    def _identity(self, host: str) -> dict:
        """Return what the host says about its cloud; empty when it was not asked."""
        return self._facts(host).get("cloud") or {}

    def _facts(self, host: str) -> dict:
        """Return what the host said about itself; empty when it was not asked."""
        return self._on(host).available_variables.get("honeycomb_host") or {}

    def _cluster(self, component: component_files.Component) -> dict[str, list[str]]:
        """Return the hosts of a cluster, those of them that hold its data, and those that were not asked. Empty where there is none."""
        hosts = list(dict.fromkeys(self._carriers(component))) if component.content.get("cluster") else []
        if not hosts:
            return {}
        held = {host: self._facts(host).get("data", {}) for host in hosts}
        return {
            "hosts": hosts,
            "with_data": [host for host in hosts if held[host].get(component.name)],
            "unasked": [host for host in hosts if component.name not in held[host]],
        }

    def _exports(self) -> dict:
        return {"ansible_facts": {"honeycomb_exports": self._of_cloud("exports")}}

    def _data(self) -> dict:
        patterns = {name: one.content["data"] for name, one in self._components.items() if one.content.get("data")}
        return {"ansible_facts": {"honeycomb_data": patterns}}
