# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads and changes the file of secrets on the deployment host, which may be encrypted by ansible-vault, as a whole or value by value."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.vault import AnsibleVaultError, EncryptedString, is_encrypted
from ansible_collections.honeycomb.cloud.plugins.module_utils.common import files
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secrets, vault


def read(loader: Any, path: Path) -> dict[str, str]:
    """Return the file's secrets, empty when there is none. ``loader``: a plugin's DataLoader, which knows the vault's passwords.

    Raises CloudError, in words that quote nothing of the file.
    """
    if not path.exists() or not path.read_bytes().strip():
        return {}
    try:
        # Not load_from_file, which takes 0123456 for a number.
        return secrets.parse(loader.get_text_file_contents(str(path)), lambda text: str(EncryptedString(ciphertext=str(text))))
    except AnsibleVaultError as error:
        hint = "Give the run its vault password: --vault-password-file FILE or --ask-vault-pass."
        raise CloudError(f"{path} is encrypted and cannot be read: {error.message}", hint) from None
    except (AnsibleError, ValueError) as error:
        what = str(error) if isinstance(error, ValueError) else "cannot be read"
        raise CloudError(
            f"{path}: {what}",
            f"One secret a line, as NAME: VALUE. Look at it: ansible-vault view {path}, or an editor when it is not encrypted.",
        ) from None


def replace(loader: Any, path: Path, new: dict[str, str], gone: Collection[str] = ()) -> None:
    """Replace values in the file and remove others; it stays encrypted as a whole or value by value where it was.

    Raises CloudError with the file as before.
    """
    raw = path.read_bytes()
    text = loader.get_text_file_contents(str(path))
    for name, value in new.items():
        text = secrets.replaced(text, name, _entry(loader, name, value, hidden=b"!vault" in raw))
    text = secrets.without(text, gone) if gone else text
    found = secrets.parse(text, lambda inner: str(EncryptedString(ciphertext=str(inner))))
    if any(found.get(name) != value for name, value in new.items()):
        raise CloudError(f"{path}: {', '.join(new)} cannot be replaced", "One secret a line, as NAME: VALUE, not inside of braces.")
    files.replace(path, vault.encrypt(loader, text.encode()).encode() if is_encrypted(raw) else text.encode(), files.PRIVATE)


def _entry(loader: Any, name: str, value: str, hidden: bool) -> str:
    if not hidden:
        return yaml.safe_dump({name: value})
    lines = vault.encrypt(loader, value.encode()).splitlines()
    return f"{name}: !vault |\n" + "".join(f"  {line}\n" for line in lines)
