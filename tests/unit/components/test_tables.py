# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of the documentation are what the components declare."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools/component_tables.py"
spec = importlib.util.spec_from_file_location("component_tables", TOOL)
component_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(component_tables)


@pytest.mark.parametrize("page", component_tables.pages(), ids=lambda page: page.name)
def test_the_tables_of_a_page_are_what_the_components_declare(page):
    assert page.read_text() == component_tables.written(page.read_text()), "run: make tables"


def test_every_table_is_in_a_page():
    found = {match[2] for page in component_tables.pages() for match in component_tables.BLOCK.finditer(page.read_text())}
    assert found == set(component_tables.TABLES)
