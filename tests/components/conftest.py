# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the test of an added layer needs of the lab under test."""

from __future__ import annotations

import cloud_under_test
import pytest


@pytest.fixture(scope="session")
def cloud():
    """Playbook runs and paths of the checkout."""
    return cloud_under_test
