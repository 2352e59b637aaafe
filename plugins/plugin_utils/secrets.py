# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that several hosts share: made once, by the operating system's generator."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from collections.abc import Callable, Collection

import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.cephx import new_key
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

KINDS = {
    "password": "size characters that need no quoting in a URL",
    "bytes": "size random bytes, in base64",
    "named_bytes": "a random name, a colon, and size random bytes in base64: a key whose name stands beside what was encrypted with it",
    "rsa": "an RSA private key of size bits, as PKCS#8 PEM",
    "uuid": "a random UUID; size says nothing",
    "cephx": "a key of a Ceph user with size random bytes, 16 for its cipher AES-128",
}
# A secret that a caller needs, as an option of modules.
OPTIONS = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": list(KINDS), "required": True},
    "size": {"type": "int", "required": True},
}


def generate(kind: str, size: int) -> str:
    """Return a new secret; KINDS says what ``size`` means for each kind."""
    if kind == "password":
        return secrets.token_urlsafe(size)[:size]
    if kind == "bytes":
        return base64.b64encode(secrets.token_bytes(size)).decode()
    if kind == "named_bytes":
        return f"{secrets.token_hex(4)}:{generate('bytes', size)}"
    if kind == "uuid":
        return str(uuid.uuid4())
    if kind == "cephx":
        return new_key(size)
    return x509.key_pem(x509.new_rsa_key(size)).decode()


class _Texts(yaml.BaseLoader):
    """Reads scalars as the text that is written: YAML 1.1 takes 0123456, 12:34:56 and yes for numbers and truth. Only null is none."""


_Texts.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Texts.add_constructor("tag:yaml.org,2002:null", lambda _loader, _node: "")


def parse(text: str, decrypt: Callable[[str], str]) -> dict[str, str]:
    """Return the secrets of a file's text by name; of a name that is there twice the last, as YAML says.

    ``decrypt`` is given what stands behind ``!vault``. Raises ValueError that quotes no secret, and what ``decrypt`` raises.
    """

    class Loader(_Texts):
        pass

    Loader.add_constructor("!vault", lambda loader, node: decrypt(loader.construct_scalar(node)))
    try:
        found = yaml.load(text, Loader=Loader)  # noqa: S506  # BaseLoader makes nothing but texts, lists and dictionaries
    except yaml.YAMLError:
        raise ValueError("not valid YAML") from None
    if not found:
        return {}
    if not isinstance(found, dict):
        raise ValueError("expected names and values, found another kind of YAML")
    nested = [str(name) for name, value in found.items() if not isinstance(value, str)]
    if nested:
        raise ValueError(f"expected a text, found a list or a dictionary as {', '.join(nested)}")
    return found


def plan(existing: dict, desired: list[dict]) -> list[dict]:
    """Return the desired secrets that do not exist yet; an existing one is never replaced."""
    return [secret for secret in desired if not existing.get(secret["name"])]


def replaced(text: str, name: str, entry: str) -> str:
    """Return a file's text with ``entry``, YAML of one name and value, in the place of the one that is there, or at the end.

    Everything else, comments too, stays as it is.
    """
    there = re.compile(rf"^(['\"]?){re.escape(name)}\1[ \t]*:.*\n(?:[ \t]+.*\n|\n(?=[ \t]))*", re.MULTILINE)
    whole = text.rstrip("\n") + "\n"
    return there.sub(lambda _match: entry, whole, count=1) if there.search(whole) else whole + entry


def without(text: str, names: Collection[str]) -> str:
    """Return a secrets file's text without some of its secrets; comments and all other lines stay. Raises CloudError that quotes no secret.

    A secret is the line that begins with its name, and the lines behind it that are indented or empty.
    """
    kept, dropping = [], False
    for line in text.splitlines(keepends=True):
        if line.strip() and line[0] not in " \t":
            name = line.partition(":")[0].strip().strip("'\"")
            dropping = name in names
        if not dropping:
            kept.append(line)
    result = "".join(kept)
    before, after = (parse(one, lambda cipher: cipher) for one in (text, result))
    if after != {name: value for name, value in before.items() if name not in names}:
        raise CloudError(
            f"The secrets {', '.join(sorted(names))} cannot be taken out of the secrets file without changing others",
            "Remove them by hand, then run this again. Nothing was changed in it.",
        )
    return result
