# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command lines by the version of Kubernetes (the table is in module_utils/kubernetes/flags.py), and kubeconfigs."""

from __future__ import annotations

from collections.abc import Callable

import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import flags


def _plainly(function: Callable) -> Callable:
    """Let a refusal reach the operator with its hint."""

    def wrapped(*values: object, **options: object) -> object:
        try:
            return function(*values, **options)
        except CloudError as error:
            raise AnsibleFilterError(f"{error.message}. {error.hint}") from error

    return wrapped


def kubeconfig(user: str, server: str, ca: str, certificate: str, key: str, cluster: str = "cloud") -> str:
    """Return a kubeconfig that holds no secret: it names the files (absolute paths) of the CA, the certificate and the key."""
    # Plain texts, because Ansible's own kinds of text say where they come from, and YAML's writer takes none of them.
    user, server, ca, certificate, key, cluster = (str(value) for value in (user, server, ca, certificate, key, cluster))
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": {"certificate-authority": ca, "server": server}}],
            "users": [{"name": user, "user": {"client-certificate": certificate, "client-key": key}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
            "current-context": cluster,
        },
        sort_keys=False,
    )


class FilterModule:
    """Filters of the subject kubernetes."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "kube_admission_plugins": _plainly(flags.admission_plugins),
            "kube_arguments": _plainly(flags.arguments),
            "kubeconfig": kubeconfig,
        }
