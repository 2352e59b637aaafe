# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A refusal of the CSI driver, with the gRPC code that the specification names for it."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


class Refusal(CloudError):
    """A call that is not carried out. ``code``: name of a gRPC status code, such as FAILED_PRECONDITION."""

    def __init__(self, code: str, message: str, hint: str = ""):
        super().__init__(message, hint)
        self.code = code


def require(**values: object) -> None:
    """Raise Refusal when a field of a request that must be there is empty."""
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise Refusal("INVALID_ARGUMENT", f"expected {', '.join(missing)} in the request, found nothing")
