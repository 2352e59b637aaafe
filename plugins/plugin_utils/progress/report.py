# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said about a finished step: its lines, each with the name of its colour (None is the terminal's own)."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.failures import group_by_text
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.layout import relative
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.steps import Step

Line = tuple[str, str | None]


def colour(step: Step) -> str:
    """The colour of a finished step's line."""
    if step.hosts("failed", "unreachable"):
        return "ERROR"
    return "CHANGED" if step.hosts("changed", "rescued", "ignored") else "OK"


def details(step: Step) -> Iterator[Line]:
    """Outputs, differences and failures, each once for all hosts that say the same."""
    for hosts, lines in group_by_text(step.outputs, exact=True):
        if len(hosts) < len(step.status):
            yield f"    {', '.join(hosts)}:", None
        yield from (("    " + line, None) for line in lines)
    for hosts, lines in group_by_text(step.diffs, exact=True):
        yield f"    {', '.join(hosts)}:", None
        yield from (("      " + line, None) for line in lines)
    for word, groups, tint in (("FAILED", step.failures, "ERROR"), ("UNREACHABLE", step.unreachable, "UNREACHABLE")):
        for hosts, lines in group_by_text(groups):
            yield f"    {word}  {', '.join(hosts)}: {step.title}", tint
            if step.path:
                yield f"      at {relative(step.path)}", tint
            yield from (("      " + line, "HIGHLIGHT" if line.startswith("What to do: ") else tint) for line in lines)
