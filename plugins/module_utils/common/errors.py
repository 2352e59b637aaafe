# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one exception that carries a refusal or failure to the operator."""

from __future__ import annotations


class CloudError(Exception):
    """A failure that an operator can act on.

    ``message`` names the object, what was expected and what was found; ``hint`` says what to do next.
    Modules turn it into ``fail_json(msg=message, hint=hint)``; the progress callback prints both.
    """

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint
