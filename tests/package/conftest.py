# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection's archive, and a folder in which it is installed with the packages of this checkout."""

from __future__ import annotations

import pytest
from elsewhere import Elsewhere
from execution_environment import build


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The collection as a file."""
    built = tmp_path_factory.mktemp("build") / "honeycomb-cloud.tar.gz"
    build(built)
    return built


@pytest.fixture(scope="session")
def installed(archive, tmp_path_factory):
    """A folder in which the collection is installed."""
    there = Elsewhere(tmp_path_factory.mktemp("installed"))
    there.run("ansible-galaxy", "collection", "install", "--offline", str(archive))
    return there
