# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes down which files of the checkout this Python process opens.

Python imports this file at its start when its folder is in PYTHONPATH. HONEYCOMB_INPUTS names the file that gets one path a line,
HONEYCOMB_INPUTS_ROOT the checkout, or the copy of it that a test runs. What Ansible reads it opens in Python, therefore this sees
playbooks, roles, templates, modules and what they import; processes on hosts are not seen and read nothing else.
"""

import os
import sys


def record(target: str, root: str) -> None:
    """Appends paths below ``root``, relative to it and each once for this process, to ``target``."""
    seen = set()
    left_out = (f"{root}.", f"{root}collections/ansible_collections/honeycomb/cloud/.")  # .venv, .cache, .git

    def opened(event: str, arguments: tuple) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes) or arguments[0] in seen:
            return
        seen.add(arguments[0])
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100 a link's own path counts
        if path.startswith(root) and not path.startswith(left_out):
            with open(target, "a") as file:  # noqa: PTH123 pathlib is not worth its import in every process
                file.write(path[len(root) :] + "\n")

    sys.addaudithook(opened)


if os.environ.get("HONEYCOMB_INPUTS"):
    record(os.environ["HONEYCOMB_INPUTS"], os.environ["HONEYCOMB_INPUTS_ROOT"].rstrip("/") + "/")
