# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Encrypts and decrypts with the vault passwords of the run, as ansible-vault does."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

HINT = (
    "Give the run the vault password with which the state is encrypted: --vault-password-file FILE, --ask-vault-pass, "
    "ANSIBLE_VAULT_PASSWORD_FILE, or a credential of type Vault in AWX."
)


def demand_password(loader: Any) -> None:
    """Raises CloudError when the run has no vault password."""
    if not loader._vault.secrets:
        raise CloudError("The cloud keeps its state encrypted, and this run has no vault password", HINT)


def encrypt(loader: Any, content: bytes) -> str:
    """Return content encrypted with the first vault password of the run. ``loader``: a plugin's DataLoader. Raises CloudError."""
    try:
        return loader._vault.encrypt(content).decode()
    except AnsibleError as error:
        raise CloudError(f"The state cannot be encrypted: {error}", HINT) from None


def decrypt(loader: Any, text: str) -> bytes:
    """Return what ``encrypt`` encrypted, with any of the run's vault passwords. Raises CloudError."""
    try:
        return loader._vault.decrypt(text)
    except AnsibleError as error:
        raise CloudError(f"The copy of the state cannot be decrypted: {error}", HINT) from None
