# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation names only what exists: files, playbooks, make targets, options and parts of the collection."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.options import CLOUD_OPTIONS, LAB_OPTIONS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
FOLDERS = "awx changelogs docs inventories molecule playbooks plugins roles tests"
PART = [
    "plugins/modules/{}.py",
    "plugins/callback/{}.py",
    "plugins/filter/{}.py",
    "plugins/filter/{}.yml",
    "plugins/lookup/{}.py",
    "plugins/inventory/{}.py",
    "playbooks/{}.yml",
    "playbooks/{}",
    "roles/{}",
]


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def page(request):
    return request.param


@pytest.fixture
def text(page):
    return page.read_text()


def missing(paths: set[str]) -> list[str]:
    return sorted(path for path in paths if not (REPOSITORY / path).exists())


def test_files_exist(text):
    quoted = set(re.findall(rf"`((?:{FOLDERS.replace(' ', '|')})/[\w./-]+)`", text))
    run = set(re.findall(r"(?<![\w/])playbooks/\w+\.yml", text))
    assert missing((quoted | run) - {"inventories/mine"}) == []


def test_links_lead_somewhere(page, text):
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    assert sorted(link for link in links if link and not (page.parent / link).exists()) == []


def test_make_targets_exist(text):
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:`|^)make ((?:[a-z-]+ ?)+)", text, re.MULTILINE)
    assert sorted({target for words in named for target in words.split()} - targets) == []


def test_parts_of_the_collection_exist(text):
    named = set(re.findall(r"honeycomb\.cloud\.([a-z]\w*)", text))
    named -= set(re.findall(r"^# roles/(\w+)/", text, re.MULTILINE))  # an example that the page builds
    assert sorted(name for name in named if not any((REPOSITORY / form.format(name)).exists() for form in PART)) == []


def test_options_exist(text):
    known = set(CLOUD_OPTIONS) | set(LAB_OPTIONS)
    roles = [path.name for path in (REPOSITORY / "roles").iterdir()]
    for role in roles:
        for entry in yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"].values():
            known |= set(entry.get("options", {}))
    # A name that begins like an option: of a role, or of the cloud. Modules, units and playbooks have such names too.
    named = set(re.findall(rf"`((?:{'|'.join([*roles, 'cloud'])})_\w+)(?::[^`]*)?`", text))
    others = {path.stem for folder in ("plugins/modules", "playbooks", "plugins/filter") for path in (REPOSITORY / folder).iterdir()}
    assert sorted(named - known - others) == []
