# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of the tenants' networks and containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration as containers
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import validation as container_validation
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration, validation


def check_tenants(tenants: Any, spec: Mapping[str, Any], limits: declaration.Limits, hosts: Mapping[str, str]) -> list[Finding]:
    """The declared networks can be built and the containers run; of tenants of wrong types, which are reported elsewhere, nothing is said.

    ``hosts``: host of group container_host -> its zone, without the group's prefix.
    """
    checked = ArgumentSpecValidator({"tenants": {key: spec[key] for key in spec if key != "same"}}).validate({"tenants": tenants})
    if checked.error_messages:
        return []
    valid = checked.validated_parameters["tenants"]
    # Containers' ports count: they have addresses and names in the networks, and groups that rules refer to.
    problems = validation.check(containers.with_ports(valid, what="container"), limits) + container_validation.check(valid, hosts)
    return [Finding(one.subject, one.problem) for one in dict.fromkeys(problems)]
