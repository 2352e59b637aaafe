# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of the tenants' networks and containers, and of what Kubernetes is to know of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration as containers
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import validation as container_validation
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant import validation as kube_validation
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration, validation


def check_pod_networks(tenants: Any, taken: Mapping[str, str]) -> list[Finding]:
    """Subnets that carry pods overlap with no other one of them and with nothing of the hosts, which have one route table for all of them.

    ``taken``: what it is -> network or address. Networks that cannot be read are reported elsewhere.
    """
    findings, known = [], [(what, one) for what, text in taken.items() if (one := network(text)) is not None]
    for tenant in tenants if isinstance(tenants, list) else []:
        for declared in tenant.get("networks") or [] if isinstance(tenant, Mapping) else []:
            if not isinstance(declared, Mapping) or not boolean(declared.get("pods"), strict=False):
                continue
            where = f"tenant {tenant.get('name')}, network {declared.get('name')}"
            for text in declared.get("subnets") or []:
                subnet = network(text)
                if subnet is None:
                    continue
                findings += [
                    Finding(where, f"expected a subnet for pods that nothing else uses, found {subnet}, which overlaps {what} ({other})")
                    for what, other in known
                    if other.version == subnet.version and other.overlaps(subnet)
                ]
                known.append((where, subnet))
    return findings


def network(text: Any) -> Any:
    """Return a text as a network or an address, None when it is neither."""
    try:
        return ipaddress.ip_network(text) if isinstance(text, str) else None
    except ValueError:
        return None


def check_tenants(
    tenants: Any,
    spec: Mapping[str, Any],
    limits: declaration.Limits,
    hosts: Mapping[str, str],
    pools: Mapping[str, int],
    privileged: Collection[str],
) -> list[Finding]:
    """The declared networks can be built, the containers run, and Kubernetes can take the tenants in.

    Of tenants of wrong types, which are reported elsewhere, nothing is said. ``hosts``: host of group container_host -> its zone, without
    the group's prefix; ``pools`` and ``privileged``: see kube_tenant/validation.py.
    """
    checked = ArgumentSpecValidator({"tenants": {key: spec[key] for key in spec if key != "same"}}).validate({"tenants": tenants})
    if checked.error_messages:
        return []
    valid = checked.validated_parameters["tenants"]
    # Containers' ports count: they have addresses and names in the networks, and groups that rules refer to.
    problems = validation.check(containers.with_ports(valid, what="container"), limits) + container_validation.check(valid, hosts)
    problems += kube_validation.check(valid, pools, privileged)
    return [Finding(one.subject, one.problem) for one in dict.fromkeys(problems)]
