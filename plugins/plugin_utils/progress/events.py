# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the progress callback reads out of Ansible's own objects: plays, tasks and results."""

from __future__ import annotations

import re

from ansible import constants as C
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress import layout
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.plan import Batch, batches, gathering, main_tasks
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.steps import Play, Step


def planned(play) -> list[Batch]:
    """The batches of a play as the strategy will run them: static imports are in, included files are not yet known."""
    variables = play.get_variable_manager()
    pattern, number, uuids = play.hosts, 1, frozenset()
    all_vars = variables.get_vars(play=play)
    if any("{{" in str(part) for part in (pattern if isinstance(pattern, list) else [pattern])):
        pattern = template(variables, all_vars, pattern)
    inventory = variables._inventory
    hosts = len(inventory.get_hosts(pattern, order=play.order)) if inventory else 0
    if hosts:
        copy = play.copy()
        tasks = [task for block in copy.compile() for task in main_tasks(block.filter_tagged_tasks(all_vars))]
        uuids = frozenset(task._uuid for task in tasks if not task.implicit and task.action not in C._ACTION_META)
        if copy.gather_facts or (copy.gather_facts is None and C.DEFAULT_GATHERING != "explicit"):
            uuids |= {gathering(play._uuid)}
        number = batches(play.serial, hosts)
    return [Batch(play._uuid, uuids, hosts)] * number


def step_of(task, play: Play, number: int, handler: bool) -> Step:
    """The step that a task begins."""
    return Step(
        play,
        number,
        task._uuid,
        layout.task_title(task.get_name()),
        task.get_path() or "",
        task.action,
        "handler" if handler else "",
        include=task.action in C._ACTION_INCLUDE_TASKS or task.action in C._ACTION_INCLUDE_ROLE,
        check=bool(task.check_mode),
        run_once=task.run_once is True,
    )


def template(variables, all_vars, value):
    """Render a value with the variables of a play."""
    from ansible.template import Templar

    return Templar(loader=variables._loader, variables=all_vars).template(value)


def is_rescued(task) -> bool:
    """Whether a block around the task, with the task in its main part, has a rescue."""
    child, parent = task, getattr(task, "_parent", None)
    while parent is not None:
        rescue = getattr(parent, "rescue", None)
        if rescue and any(one is child or one._uuid == child._uuid for one in parent.block):
            return True
        child, parent = parent, getattr(parent, "_parent", None)
    return False


def address(result) -> str:
    """The address that the connection used, as far as the variables say."""
    delegated = result.result.get("_ansible_delegated_vars") or {}
    if delegated.get("ansible_host"):
        return str(delegated["ansible_host"])
    host = result.host
    try:
        variables = result.task.get_variable_manager()
        all_vars = variables.get_vars(play=result.task.play, host=host)
        return str(template(variables, all_vars, all_vars.get("ansible_host", host.address)))
    except Exception:  # only a nicety of the message
        return str(host.address)


def origin(result) -> str:
    """Where a template failed, as file:line:column, when that is not the task itself."""
    event = getattr(getattr(result, "exception", None), "event", None)
    place = ""
    while event is not None:
        match = re.match(r"Origin: (\S+?:\d+)", event.formatted_source_context or "")
        place = match.group(1) if match else place
        event = event.chain.event if event.chain is not None else None
    return place
