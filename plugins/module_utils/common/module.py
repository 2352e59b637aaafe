# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the body of a module, turns a refusal into the module's failure and what was done into its result."""

from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# Of a module with an action plugin of its name, which runs it on a host: what the plugin asks, beside the arguments that both know.
HOST_PART = {"host_part": {"type": "dict", "default": {}}}


def run_module(argument_spec: dict, converge: Callable[[AnsibleModule], dict], **options: object) -> None:
    """Run ``converge`` with the module and end with the result that it returns.

    ``options`` are further arguments of AnsibleModule, such as ``required_if``; check mode is supported unless they say otherwise.
    A CloudError ends the module with its message and hint.
    """
    module = AnsibleModule(argument_spec=argument_spec, **{"supports_check_mode": True, **options})
    try:
        result = converge(module)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    module.exit_json(**result)


def changes_result(changes: list[str], **values: object) -> dict:
    """Return the result of a module whose diff lists its changes, one a line, after an empty text. ``values`` are further results."""
    diff = {"before": "", "after": "".join(f"{line}\n" for line in changes)}
    return {"changed": bool(changes), "changes": changes, "diff": diff, **values}
