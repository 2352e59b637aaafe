# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which rows of OVN's northbound database the pods of a cluster stand for. Pure: objects and what is there in, rows out.

Kept up to date object by object: ``put`` and ``replace`` note what changed, ``settle`` works out what follows from it, ``dirty`` says which
rows have to be compared with the database. A pod never changes its network or its addresses: what its row says stays as long as it lives.
"""

from __future__ import annotations

import ipaddress
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import PROVIDER, derived_mac
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.northbound import FORBIDDEN, FORBIDDEN_PRIORITY
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Ref, Rows, listed, marks
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import policies
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import ALL_NAMES, OWNER, PREFIX, Namespace, Pod, StatefulSet
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.networks import Network, Pool, pod_mac, prefixed
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.services import (
    ON_THE_NODE,
    Service,
    Slice,
    local_rows,
    node_variables,
    service_rows,
)

ALL_PODS = "hc.pods"
NODE = ""  # among the policies: what passes between pods and their nodes
LOCAL = ""  # among the Services: those that each network has on its nodes
NOWHERE = "-"  # no host has this name; a port that asks for it is claimed by none


@dataclass(frozen=True, slots=True)
class Port:
    """A pod's port. Without ``uid`` and ``node`` it is kept for the next pod of its name, which StatefulSet ``set`` will make."""

    network: str
    addresses: tuple[str, ...]
    uid: str = ""
    node: str = ""
    set: str = ""
    up: float = 0
    down: float = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a pod gets no port: a word for programs and a sentence for people."""

    reason: str
    message: str


def switch_ref(network: str) -> Ref:
    """Return the row of a network's switch."""
    return Ref("Logical_Switch", network)


def port_ref(key: str) -> Ref:
    """Return the row of a pod's port. ``key``: namespace/name."""
    return Ref("Logical_Switch_Port", PREFIX + key)


def port_row(key: str, port: Port, network: Network) -> dict[str, Any]:
    """Return a pod's port as OVN has it. The node reads everything that it has to know of the pod in ``external_ids``."""
    identity = " ".join([pod_mac(port.addresses), *port.addresses])
    tenant, _dot, short = network.name.partition(".")
    facts = {
        "pod-uid": port.uid,
        "pod-addresses": " ".join(prefixed(network, port.addresses)),
        "pod-gateways": " ".join(network.gateways),
        "pod-mtu": str(network.mtu),
        "pod-limits": json.dumps({"up": float(port.up), "down": float(port.down)}) if port.up or port.down else "",
        "pod-set": port.set,
        "local-port": network.local_port,
        "local-mac": network.local_mac,
        "local-addresses": " ".join(network.local),
    }
    return {
        "name": PREFIX + key,
        "type": "",
        "addresses": [identity],
        "port_security": [identity],
        "options": {"requested-chassis": port.node or NOWHERE},
        "external_ids": marks(
            OWNER, PREFIX + key, tenant=tenant, network=short, pod=key, **{name: value for name, value in facts.items() if value}
        ),
    }


def port_of(row: Mapping[str, Any]) -> Port | None:
    """Return the port that a row stands for; None when it cannot be read."""
    ids = row["external_ids"]
    try:
        addresses = tuple(str(ipaddress.ip_interface(text).ip) for text in ids["honeycomb-pod-addresses"].split())
        limits = json.loads(ids.get("honeycomb-pod-limits", "{}"))
        node = row["options"].get("requested-chassis", "")
        return Port(
            f"{ids['honeycomb-tenant']}.{ids['honeycomb-network']}",
            addresses,
            ids.get("honeycomb-pod-uid", ""),
            "" if node == NOWHERE else node,
            ids.get("honeycomb-pod-set", ""),
            float(limits.get("up", 0)),
            float(limits.get("down", 0)),
        )
    except (KeyError, ValueError):
        return None


def lower(*limits: float) -> float:
    """Return the lowest of limits, of which 0 is none."""
    return min((limit for limit in limits if limit), default=0)


class State:
    """What is known of the cluster, and the rows that follow from it."""

    def __init__(self, system: Network):
        self.system = system
        self.networks: dict[str, Network] = {}
        self.pods: dict[str, Pod] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.sets: dict[str, StatefulSet] = {}
        self.services: dict[str, Service] = {}
        self.slices: dict[str, Slice] = {}
        self.policies: dict[str, policies.Policy] = {}
        self.ports: dict[str, Port] = {}
        self.refusals: dict[str, Refusal] = {}
        self.rows: Rows = {}
        self.dirty: set[Ref] = set()
        self._pools: dict[str, Pool] = {}
        self._others: dict[str, Mapping[str, list[str]]] = {}
        self._members: dict[tuple[Ref, str], set[Ref]] = defaultdict(set)  # (row, column) -> rows in it
        self._parents: set[tuple[Ref, str]] = set()  # whose members changed
        self._touched: set[str] = set()  # pods to look at
        self._asked: set[str] = set()  # Services to look at
        self._parts: dict[str, set[str]] = defaultdict(set)  # Service -> slices of it
        self._judged: set[str] = set()  # policies to look at
        self._named_anew = True  # whether other namespaces belong to a network
        self._groups: dict[policies.Group, set[str]] = {}  # group of pods -> policies that need it
        self._acls: dict[str, set[Ref]] = {}  # policy -> its rules
        self._balancers: dict[str, dict[Ref, str]] = {}  # Service -> row -> network in which it is
        self._variables: dict[str, dict[str, dict[str, str]]] = {}  # Service -> node -> variable -> value
        self._base()
        self.set_networks({})

    # What comes in.

    def seed(self, rows: Rows) -> None:
        """Take over the ports that are there: whoever made them, their pods have these addresses."""
        for ref, row in rows.items():
            if ref.table == "Logical_Switch_Port" and ref.key.startswith(PREFIX) and (port := port_of(row)):
                key = ref.key.removeprefix(PREFIX)
                self.ports[key] = port
                if port.network in self._pools:
                    self._pools[port.network].take(f"pod {key}", port.addresses)
                self._touched.add(key)

    def set_networks(self, networks: Mapping[str, Network]) -> bool:
        """Take the networks of tenants that carry pods; the operator's own is among them always. Say whether anything changed."""
        desired = {**networks, self.system.name: self.system}
        if desired == self.networks:
            return False
        for name in {*self.networks, *desired}:
            if self.networks.get(name) == desired.get(name):
                continue
            self._remove_network(name)
            if name in desired:
                self._add_network(desired[name])
            self._touched |= {key for key, port in self.ports.items() if port.network == name}
        self.networks = desired
        self._touched |= set(self.refusals)
        self._asked |= {*self.services, *ON_THE_NODE}
        self._judged |= {NODE, *self.policies}
        self._named_anew = True
        return True

    def set_others(self, network: str, ports: Mapping[str, list[str]]) -> None:
        """Take the ports of others in a network: name -> addresses."""
        if self._others.get(network, {}) == ports:
            return
        for name, addresses in self._others.get(network, {}).items():
            self._pools[network].release(name, addresses)
        for name, addresses in ports.items():
            self._pools[network].take(name, addresses)
        self._others[network] = ports
        self._touched |= set(self.refusals)

    def put(self, kind: str, key: str, item: Any) -> None:
        """Take one object, or None when it is gone."""
        known = getattr(self, kind)
        before = known.get(key)
        if before == item:
            return
        if item is None:
            del known[key]
        else:
            known[key] = item
        self._note(kind, key, before, item)

    def replace(self, kind: str, items: Mapping[str, Any]) -> None:
        """Take all objects of a kind."""
        for key in set(getattr(self, kind)) - set(items):
            self.put(kind, key, None)
        for key, item in items.items():
            self.put(kind, key, item)

    def _note(self, kind: str, key: str, before: Any, after: Any) -> None:
        if kind == "pods":
            self._touched.add(key)
        elif kind == "namespaces":
            self._touched |= {pod for pod in self.refusals if pod.startswith(f"{key}/")}
            self._touched |= {pod for pod, one in self.pods.items() if one.namespace == key}
            self._judged |= {name for name, one in self.policies.items() if one.namespace == key}
            self._named_anew |= (before and before.network) != (after and after.network) or before is None or after is None
            self._asked |= {name for name, one in self.services.items() if one.namespace == key}
        elif kind == "sets":
            namespace, _slash, name = key.partition("/")
            self._touched |= {pod for pod, port in self.ports.items() if port.set == name and pod.startswith(f"{namespace}/")}
        elif kind == "services":
            self._asked.add(key)
        elif kind == "policies":
            self._judged |= {key, NODE}
        elif kind == "slices":
            for part in (part for part in (before, after) if part):
                (self._parts[part.service].add if part is after else self._parts[part.service].discard)(key)
                self._asked.add(part.service)

    # What follows.

    def settle(self) -> None:
        """Work out which rows follow from what came in."""
        # Addresses that are given back first: pods that wait may have them.
        for key in sorted(self._touched, key=lambda key: (key in self.pods, key)):
            self._assign(key)
        if self._touched:
            waiting = set(self.refusals) - self._touched
            for key in sorted(waiting):
                self._assign(key)
        self._touched.clear()
        for key in sorted(self._asked):
            self._serve(key)
        self._asked.clear()
        for key in sorted(self._judged):
            self._judge(key)
        self._judged.clear()
        if self._named_anew:
            for network in self.networks.values():
                self._set_local(network)
        self._named_anew = False
        for parent, column in self._parents:
            if parent in self.rows:
                self._set(parent, {**self.rows[parent], column: listed(self._members[parent, column])})
        self._parents.clear()

    def take_dirty(self) -> set[Ref]:
        """Return the rows that changed since the last call."""
        dirty, self.dirty = self.dirty, set()
        return dirty

    def _set(self, ref: Ref, columns: dict[str, Any] | None) -> None:
        if self.rows.get(ref) == columns:
            return
        if columns is None:
            del self.rows[ref]
        else:
            self.rows[ref] = columns
        self.dirty.add(ref)

    def _hold(self, parent: Ref, column: str, child: Ref, held: bool = True) -> None:
        members = self._members[parent, column]
        if (child in members) != held:
            (members.add if held else members.discard)(child)
            self._parents.add((parent, column))

    def _assign(self, key: str) -> None:
        """Give a pod its port, or take it back."""
        self.refusals.pop(key, None)
        pod, before = self.pods.get(key), self.ports.get(key)
        after = self._kept(key, before) if pod is None else self._wanted(pod, before)
        if after != before and (pod is None or pod.named):
            self._judged |= {name for name, one in self.policies.items() if one.has_names}
        if before and (after is None or before.network != after.network or before.addresses != after.addresses):
            self._drop(key, before)
        if after is None:
            self._set(port_ref(key), None)
            return
        self.ports[key] = after
        self._pools[after.network].take(f"pod {key}", after.addresses)
        self._set(port_ref(key), port_row(key, after, self.networks[after.network]))
        self._hold(switch_ref(after.network), "ports", port_ref(key))
        self._hold(Ref("Port_Group", ALL_PODS), "ports", port_ref(key))
        for group in self._groups:
            self._hold(Ref("Port_Group", group.name), "ports", port_ref(key), self._has(group, key))

    def _drop(self, key: str, port: Port) -> None:
        self.ports.pop(key, None)
        if port.network in self._pools:
            self._pools[port.network].release(f"pod {key}", port.addresses)
        self._hold(switch_ref(port.network), "ports", port_ref(key), held=False)
        self._hold(Ref("Port_Group", ALL_PODS), "ports", port_ref(key), held=False)
        for group in self._groups:
            self._hold(Ref("Port_Group", group.name), "ports", port_ref(key), held=False)

    def _valid(self, port: Port | None) -> bool:
        """Say whether a port can still be as it is: its network is there and has its addresses."""
        if port is None or port.network not in self.networks:
            return False
        subnets = self.networks[port.network].subnets
        found = [ipaddress.ip_address(text) for text in port.addresses]
        return bool(found) and all(any(one.version == subnet.version and one in subnet for subnet in subnets) for one in found)

    def _kept(self, key: str, port: Port | None) -> Port | None:
        """Return the port without its pod, where the next pod of this name shall have it."""
        namespace, _slash, name = key.partition("/")
        owner = self.sets.get(f"{namespace}/{port.set}") if port and port.set else None
        return replace(port, uid="", node="") if owner and owner.has(name) and self._valid(port) else None

    def _wanted(self, pod: Pod, before: Port | None) -> Port | None:
        """Return the port of a pod; None, with a refusal, when it can have none."""
        if self._valid(before) and before.uid == pod.uid:
            return before
        namespace = self.namespaces.get(pod.namespace)
        if namespace is None:  # it comes
            return None
        name = namespace.network or self.system.name
        network = self.networks.get(name)
        if network is None:
            known = ", ".join(sorted(self.networks)) or "none"
            return self._refuse(
                pod, "UnknownNetwork", f"namespace {pod.namespace} belongs to network {name}, which carries no pods; those that do: {known}"
            )
        owner, pool = f"pod {pod.key}", self._pools[name]
        if problem := pool.refused(owner, pod.fixed):
            return self._refuse(pod, "AddressRefused", f"the pod asks for an address that it cannot have: {problem}")
        keep = (
            self._valid(before)
            and before.network == name
            and set(map(ipaddress.ip_address, pod.fixed)) <= set(map(ipaddress.ip_address, before.addresses))
        )
        if keep:
            addresses = before.addresses
        elif len(self._members[switch_ref(name), "ports"]) + len(self._others.get(name, {})) >= network.ports:
            return self._refuse(
                pod, "NetworkFull", f"network {name} has {network.ports} ports, which is all that its tunnels can tell apart"
            )
        else:
            addresses = pool.allocate(owner, pod.fixed)
            if not addresses:
                subnets = ", ".join(map(str, network.subnets))
                return self._refuse(pod, "AddressExhausted", f"network {name} has no free address left in {subnets}")
        return Port(name, addresses, pod.uid, pod.node, pod.set, lower(pod.up, network.up), lower(pod.down, network.down))

    def _serve(self, key: str) -> None:
        """Bring a Service's load balancers to what it is."""
        service, rows, variables = self.services.get(key), {}, {}
        if key in ON_THE_NODE:
            for network in self.networks.values():
                rows |= {Ref("Load_Balancer", name): (row, network.name) for name, row in local_rows(self.services, network).items()}
        elif service and (namespace := self.namespaces.get(service.namespace)):
            network = self.networks.get(namespace.network or self.system.name)
            parts = [self.slices[part] for part in sorted(self._parts[key])]
            found = service_rows(service, parts, network) if network else {}
            variables = node_variables(service, parts, network) if network else {}
            rows = {Ref("Load_Balancer", name): (row, network.name) for name, row in found.items()}
        before = self._balancers.pop(LOCAL if key in ON_THE_NODE else key, {})
        for ref, network in before.items():
            if ref not in rows:
                self._set(ref, None)
            if ref not in rows or rows[ref][1] != network:
                self._hold(switch_ref(network), "load_balancer", ref, held=False)
        for ref, (row, network) in rows.items():
            self._set(ref, row)
            self._hold(switch_ref(network), "load_balancer", ref)
        self._balancers[LOCAL if key in ON_THE_NODE else key] = {ref: network for ref, (_row, network) in rows.items()}

        self._set_variables(key, variables)

    def _set_variables(self, key: str, variables: dict[str, dict[str, str]]) -> None:
        """Give nodes the values of a Service's variables, each of which is of this Service alone."""
        before = self._variables.pop(key, {})
        if variables:
            self._variables[key] = variables
        for node in {*before, *variables}:
            if before.get(node) == variables.get(node):
                continue
            ref = Ref("Chassis_Template_Var", node)
            have = self.rows.get(ref, {}).get("variables", {})
            values = {name: value for name, value in have.items() if name not in before.get(node, {})} | variables.get(node, {})
            row = {"chassis": node, "variables": values, "external_ids": marks(OWNER, node)}
            self._set(ref, row if values else None)

    def _has(self, group: policies.Group, key: str) -> bool:
        pod, port = self.pods.get(key), self.ports.get(key)
        namespace = self.namespaces.get(pod.namespace) if pod else None
        return bool(pod and port and namespace) and group.has(pod, port.network, namespace.labels)

    def _judge(self, key: str) -> None:
        """Bring a policy's groups and rules to what it is."""
        if key == NODE:
            self._open_to_nodes()
            return
        policy = self.policies.get(key)
        namespace = self.namespaces.get(policy.namespace) if policy else None
        network = (namespace.network or self.system.name) if namespace else ""
        needed = policies.groups(policy, network) if policy else set()
        for group in needed:
            if group not in self._groups:
                self._groups[group] = set()
                ref = Ref("Port_Group", group.name)
                self._set(ref, {"name": group.name, "ports": [], "acls": [], "external_ids": marks(OWNER, group.name)})
                for pod in self.pods:
                    self._hold(ref, "ports", port_ref(pod), self._has(group, pod))
            self._groups[group].add(key)
        before, after = self._acls.pop(key, set()), self._rules(policy, network) if policy else set()
        gone = before - after
        for ref in gone:
            self._set(ref, None)
        if policy:
            self._acls[key] = after
        for group in [group for group, users in self._groups.items() if key in users and group not in needed]:
            self._groups[group].discard(key)
            if not self._groups[group]:
                del self._groups[group]
                self._set(Ref("Port_Group", group.name), None)
                for column in ("ports", "acls"):
                    self._members.pop((Ref("Port_Group", group.name), column), None)
        for group in [*needed, *([policies.selected(policy)] if policy else [])]:
            if group in self._groups:
                self._parents |= {(Ref("Port_Group", group.name), "ports"), (Ref("Port_Group", group.name), "acls")}
        for group, ref in [(policies.selected(policy), ref) for ref in after] if policy else []:
            self._hold(Ref("Port_Group", group.name), "acls", ref)
        for (parent, column), members in self._members.items() if gone else ():
            if column == "acls" and members & gone:
                members -= gone
                self._parents.add((parent, column))

    def _rules(self, policy: policies.Policy, network: str) -> set[Ref]:
        """Write a policy's rules; return them."""
        found = set()
        for direction, lport in policies.DIRECTIONS.items():
            allowed = policies.matches(policy, direction, network, self._named(policy, direction, network))
            if allowed is None:
                continue
            options, name = policies.AFTER_SERVICES[direction], f"np {policy.key} {direction}"
            closed = f"{policies.OWN_SIDE[direction]} == @{policies.selected(policy).name} && ip"
            found.add(self.acl(f"{name} closed", lport, policies.CLOSED_PRIORITY, closed, "drop", name, options))
            for match in allowed:
                key = f"{name} {match}"
                found.add(self.acl(key, lport, policies.ALLOWED_PRIORITY, match, "allow-related", name, options))
        return found

    def _named(self, policy: policies.Policy, direction: str, network: str) -> dict[tuple[str, str], dict[int, list[str]]]:
        """Return what the receiving pods of a policy mean by names of ports: those that it selects, or those of its network."""
        if not policy.has_names:
            return {}
        group = policies.selected(policy)
        receiving = [
            (self.pods[key], port.addresses)
            for key, port in self.ports.items()
            if key in self.pods and (self._has(group, key) if direction == "ingress" else port.network == network)
        ]
        return policies.names_of(receiving)

    def _open_to_nodes(self) -> None:
        """Let probes, names and the API pass between a pod and its node, whatever a policy says. Without policies nothing is closed."""
        refs = []
        for version in (4, 6):
            name = f"hc.nodes{version}"
            addresses = [
                text.partition("/")[0] for network in self.networks.values() for text in network.local if (":" in text) == (version == 6)
            ]
            wanted = bool(self.policies and addresses)
            ref = Ref("Address_Set", name)
            self._set(ref, {"name": name, "addresses": listed(addresses), "external_ids": marks(OWNER, name)} if wanted else None)
            for direction, lport in policies.DIRECTIONS.items():
                key = f"node {direction} {version}"
                match = f"{policies.OWN_SIDE[direction]} == @{ALL_PODS} && ip{version}.{policies.FAR_SIDE[direction]} == ${name}"
                if wanted:
                    options = policies.AFTER_SERVICES[direction]
                    refs.append(self.acl(key, lport, policies.NODE_PRIORITY, match, "allow-related", "node", options))
                else:
                    self._set(Ref("ACL", key), None)
        group = Ref("Port_Group", ALL_PODS)
        self._members[group, "acls"] = {Ref("ACL", f"forbidden {name}") for name in FORBIDDEN} | set(refs)
        self._parents.add((group, "acls"))

    def _refuse(self, pod: Pod, reason: str, message: str) -> None:
        self.refusals[pod.key] = Refusal(reason, message)

    # Rows that are there whatever pods there are.

    def _base(self) -> None:
        """All pods' ports are in one group, with what no tenant's port may send."""
        group = Ref("Port_Group", ALL_PODS)
        acls = []
        for name, match in FORBIDDEN.items():
            acls.append(
                self.acl(f"forbidden {name}", "from-lport", FORBIDDEN_PRIORITY, f"inport == @{ALL_PODS} && ({match})", "drop", name)
            )
        self._set(group, {"name": ALL_PODS, "ports": [], "acls": listed(acls), "external_ids": marks(OWNER, ALL_PODS)})

    def acl(
        self, key: str, direction: str, priority: int, match: str, action: str, name: str, options: Mapping[str, str] | None = None
    ) -> Ref:
        """Add a rule."""
        ref = Ref("ACL", key)
        columns = {"direction": direction, "priority": priority, "match": match, "action": action, "name": name[:63]}
        self._set(ref, {**columns, "options": dict(options or {}), "external_ids": marks(OWNER, key)})
        return ref

    def _add_network(self, network: Network) -> None:
        self._pools[network.name] = pool = Pool(network)
        for key, port in self.ports.items():
            if port.network == network.name:
                pool.take(f"pod {key}", port.addresses)
        switch = switch_ref(network.name)
        columns: dict[str, Any] = {"ports": [], "load_balancer": []}
        if network.name == self.system.name:
            names = {"tenant": PROVIDER, "network": network.name.partition(".")[2]}
            columns |= {"name": network.name, "external_ids": marks(OWNER, network.name, **names)}
            self._router(network)
        self._set(switch, columns)
        self._parents |= {(switch, "ports"), (switch, "load_balancer")}
        self._hold(switch, "ports", Ref("Logical_Switch_Port", network.local_port))

    def _set_local(self, network: Network) -> None:
        """Write the nodes' port in a network, with the namespaces whose names its pods may look up, so that every node knows them."""
        namespaces = [one.name for one in self.namespaces.values() if (one.network or self.system.name) == network.name]
        tenant, _dot, short = network.name.partition(".")
        facts = {
            "tenant": tenant,
            "network": short,
            "subnets": " ".join(map(str, network.subnets)),
            "namespaces": ALL_NAMES if network.name == self.system.name else " ".join(sorted(namespaces)),
        }
        identity = " ".join([network.local_mac, *(address.partition("/")[0] for address in network.local)])
        columns = self._fixed_port(network.local_port, "localport", [identity], {})
        columns["external_ids"] |= {f"honeycomb-{name}": value for name, value in facts.items()}
        self._set(Ref("Logical_Switch_Port", network.local_port), columns)

    def _remove_network(self, name: str) -> None:
        if name in self.networks:
            switch = switch_ref(name)
            self._set(Ref("Logical_Switch_Port", self.networks[name].local_port), None)
            self._hold(switch, "ports", Ref("Logical_Switch_Port", self.networks[name].local_port), held=False)
            self._set(switch, None)
            self._pools.pop(name, None)
            self._others.pop(name, None)

    @staticmethod
    def _fixed_port(name: str, kind: str, addresses: list[str], options: dict[str, str]) -> dict[str, Any]:
        columns = {"name": name, "type": kind, "addresses": addresses, "port_security": [], "options": options}
        return {**columns, "external_ids": marks(OWNER, name)}

    def _router(self, network: Network) -> None:
        """The operator's network has a router of its own, by which its pods reach Services."""
        router, port = Ref("Logical_Router", network.name), Ref("Logical_Router_Port", f"lrp.{network.name}")
        lengths = [subnet.prefixlen for subnet in network.subnets]
        routes = []
        for subnet, address in zip(network.subnets, network.local, strict=True):
            # The operator's pods reach what their node reaches, through it.
            prefix = "::/0" if subnet.version == 6 else "0.0.0.0/0"
            ref = Ref("Logical_Router_Static_Route", f"{network.name} {prefix}")
            columns = {"ip_prefix": prefix, "nexthop": address.partition("/")[0]}
            self._set(ref, {**columns, "external_ids": marks(OWNER, ref.key)})
            routes += [ref] if ref not in routes else []
        content = {"name": network.name, "ports": [port], "static_routes": listed(routes)}
        self._set(router, {**content, "external_ids": marks(OWNER, network.name)})
        columns = {
            "name": port.key,
            "mac": derived_mac(port.key),
            "networks": listed(f"{address}/{length}" for address, length in zip(network.gateways, lengths, strict=True)),
            "external_ids": marks(OWNER, port.key),
        }
        self._set(port, columns)
        peer = Ref("Logical_Switch_Port", f"lsp.{network.name}")
        self._set(peer, self._fixed_port(peer.key, "router", ["router"], {"router-port": port.key}))
        self._hold(switch_ref(network.name), "ports", peer)
