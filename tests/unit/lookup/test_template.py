# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates are rendered as Ansible's own lookup does it, from the variables themselves."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template

TEXT = "a {{ value }}\n{% for name in names %}\n- {{ name }} \\d {{ later }}\n{% endfor %}\n{% include 'other.j2' %}\n\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/text.j2").write_text(TEXT)
    (tmp_path / "templates/other.j2").write_text("included {{ value }}")
    (tmp_path / "templates/list.j2").write_text("{{ names }}")
    return tmp_path


@pytest.fixture
def variables(folder):
    return {
        "value": 1,
        "names": ["x", "y"],
        "later": trust_as_template("{{ value + 1 }}"),
        "ansible_search_path": [str(folder)],
    }


def render(lookup: str, term: str, variables: dict, **options: object) -> list:
    loader = DataLoader()
    return lookup_loader.get(lookup, loader=loader, templar=Templar(loader=loader, variables=variables)).run([term], variables, **options)


@pytest.mark.parametrize("term", ["text.j2", "list.j2"])
def test_it_renders_as_ansibles_own_lookup_does(variables, term):
    found = render("honeycomb.cloud.template", term, variables)
    assert found == render("ansible.builtin.template", term, variables)
    assert found[0]


def test_further_variables_are_seen_by_the_template_alone(variables):
    more = {"template_vars": {"value": 5}}
    found = render("honeycomb.cloud.template", "text.j2", variables, **more)
    assert found == render("ansible.builtin.template", "text.j2", variables, **more)
    assert found[0].startswith("a 5\n- x \\d 6\n")
    assert variables["value"] == 1


def test_variables_are_not_copied(variables):
    class Uncopied(dict):
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

    many = variables | {"groups": Uncopied(all=["a"])}
    with pytest.raises(AssertionError, match="copied"):
        render("ansible.builtin.template", "text.j2", many)
    assert render("honeycomb.cloud.template", "text.j2", many)[0].startswith("a 1\n- x \\d 2\n")


def test_a_missing_template_is_named(variables):
    with pytest.raises(AnsibleError, match=r"nothing\.j2"):
        render("honeycomb.cloud.template", "nothing.j2", variables)
