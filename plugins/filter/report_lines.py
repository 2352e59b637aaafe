# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables of a report as lines, for callbacks that know nothing of them."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.layout import table

DOCUMENTATION = r"""
name: report_lines
short_description: Turn the tables of a report into lines
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Aligns the columns of each table, as the callback P(honeycomb.cloud.progress#callback) does.
positional: _input
options:
  _input:
    description: Tables, dictionaries with C(title), C(rows) (a list of lists) and optionally C(columns).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Print a table
  ansible.builtin.debug:
    msg: "{{ [{'title': 'Endpoints', 'rows': [['api', 'https://192.0.2.9:6443']]}] | honeycomb.cloud.report_lines }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def report_lines(tables: list[dict]) -> list[str]:
    """Return the title of each table and its rows with aligned columns."""
    return [line for one in tables for line in (one["title"], *table(one["rows"], one.get("columns")))]


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict:
        """Return the filter by its name."""
        return {"report_lines": report_lines}
