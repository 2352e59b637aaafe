# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders a template file with the variables of the task, as they are."""

from __future__ import annotations

DOCUMENTATION = r"""
name: template
short_description: Render a template file
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Returns the text of a template of the role, as P(ansible.builtin.template#lookup) does.
  - That one copies all variables of the host for each template, and among them are the names of all hosts of the inventory and of the play.
    With many hosts the copies cost more than everything else, with the square of their number. This one copies nothing.
  - A template sees the variables of its task, but neither C(ansible_managed) nor the variables about its own file.
options:
  _terms:
    description: Files to render, found as roles and playbooks find their templates.
    type: list
    elements: str
    required: true
  template_vars:
    description: Further variables for the template.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show what a unit would be
  ansible.builtin.debug:
    msg: "{{ lookup('honeycomb.cloud.template', 'etcd@.service.j2') }}"
"""

RETURN = r"""
_raw:
  description: The rendered texts.
  type: list
  elements: str
  sample: ["[Unit]\nDescription=etcd\n"]
"""

import os
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template


class LookupModule(LookupBase):
    """Runs on the deployment host."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return the rendered texts of the files. Raises AnsibleError for one that is not there."""
        self.set_options(var_options=variables, direct=kwargs)
        # Not a copy of what the variables hold.
        seen = {**(variables or {}), **self.get_option("template_vars")}
        return [self._render(term, seen) for term in terms]

    def _render(self, term: str, variables: dict[str, Any]) -> Any:
        path = self.find_file_in_search_path(variables, "templates", term)
        if not path:
            raise AnsibleError(f"The template {term} could not be found")
        text = trust_as_template(self._loader.get_text_file_contents(path))
        places = [os.path.dirname(path)]  # noqa: PTH120  # as Ansible's own search path, which is of texts
        for place in variables.get("ansible_search_path", []):
            places += [os.path.join(place, "templates"), place]  # noqa: PTH118
        templar = self._templar.copy_with_new_env(searchpath=places, available_variables=variables)
        return templar.template(text, escape_backslashes=False)
