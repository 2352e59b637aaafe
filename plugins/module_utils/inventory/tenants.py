# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variable ``tenants``: what one tenant may say. Each layer brings its part of the specification."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration as container
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant import declaration as kubernetes
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration

TENANTS: dict = {
    "type": "list",
    "elements": "dict",
    "options": {"name": {"type": "str", "required": True}, **declaration.TENANT, **container.TENANT, **kubernetes.TENANT},
}
