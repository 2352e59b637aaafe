# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Issues a host's certificates: the host makes keys and requests, the deployment host signs. Options: plugins/modules/certificates.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas, issue, x509
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki.arguments import CERTIFICATES
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.cloud_action import CloudAction


class ActionModule(CloudAction):
    """One module execution on a host when nothing has to be issued, three when something has."""

    OPTIONS: ClassVar[dict[str, dict]] = CERTIFICATES

    def converge(self, arguments: dict) -> dict:
        """Have the host hold the certificates; those that are missing or near their end are issued."""
        desired = issue.desired(arguments["certificates"], arguments["renew_days"])
        signers = {name: cas.certificate(arguments["ca_directory"], name) for name in issue.cas(desired, arguments["trust"])}
        lost = [name for name, signer in signers.items() if signer is None]
        if lost and not self._task.check_mode:
            raise CloudError(
                f"CA {', '.join(lost)} does not exist in {arguments['ca_directory']}",
                "Create it by the layer pki: ansible-playbook playbooks/layers/pki.yml",
            )

        def on_host(phase: str, **options: Any) -> dict:
            return self.on_host("certificates", arguments | {"host_part": {"phase": phase, **options}})

        current = on_host("inspect", names=sorted(desired))
        now = datetime.now(UTC)
        bundles = {name: cas.bundle(arguments["ca_directory"], name) for name in signers}
        plan = issue.plan(desired, current, signers, bundles, arguments["renew_days"], now)
        if plan.changes and not self._task.check_mode:
            names = {name: desired[name]["common_name"] for name in plan.reasons}
            requests = on_host("request", requests=names)["requests"] if names else {}
            keys = {name: cas.load(arguments["ca_directory"], name) for name in {desired[name]["ca"] for name in names}}
            signed = {name: x509.sign(keys[desired[name]["ca"]], text, desired[name], now) for name, text in requests.items()}
            on_host("install", certificates=signed, cas=plan.trust, protect=plan.exposed)
        before = {name: current["certificates"][name]["certificate"] for name in plan.reasons}
        return {
            "changed": bool(plan.changes),
            "changes": plan.changes,
            "diff": [issue.difference(arguments["directory"], desired[name], text) for name, text in before.items()],
            "warnings": issue.ending(signers, arguments["renew_days"], now),
        }
