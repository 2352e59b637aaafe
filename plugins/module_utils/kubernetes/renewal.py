# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings Secrets to new keys: written anew they are encrypted with the one that is first, and tokens in them are signed anew."""

from __future__ import annotations

import base64
import binascii
import json

from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster

KIND = {"apiVersion": "v1", "kind": "Secret"}
TOKEN = "kubernetes.io/service-account-token"  # noqa: S105  # the type of a Secret


def signed_by(secret: dict | None) -> str:
    """Return the id of the key that signed the token of a Secret; empty when it has none, or none that can be read."""
    try:
        token = base64.b64decode(((secret or {}).get("data") or {}).get("token", ""))
        header = token.partition(b".")[0]
        return str(json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))["kid"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return ""


def _name(secret: dict) -> str:
    return f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"


def rewrite(cluster: Cluster, check: bool) -> list[str]:
    """Write every Secret as it is; returns the changes. The API server leaves alone what is encrypted with the first key already.

    One that somebody else writes meanwhile is encrypted by that.
    """
    total = changed = 0
    for secret in cluster.all(KIND):
        total += 1
        written = None if check else cluster.replace(secret)
        changed += bool(written) and written["metadata"]["resourceVersion"] != secret["metadata"]["resourceVersion"]
    if check:
        return [f"write {total} Secrets anew"] * bool(total)
    return [f"write {changed} of {total} Secrets anew"] * bool(changed)


def sign(cluster: Cluster, key_id: str, check: bool) -> list[str]:
    """Have the tokens in Secrets that another key signed made anew by the controller manager, and wait for that; returns the changes.

    ``key_id``: id of the key that signs, as the tokens' headers name it.
    """
    old = [secret for secret in cluster.all(KIND, field_selector=f"type={TOKEN}") if signed_by(secret) != key_id]

    def signed(live: dict | None) -> bool:
        if live is None or signed_by(live) == key_id:  # one whose service account is gone goes with it
            return True
        if live["data"].pop("token", None):
            cluster.replace(live)
        return False

    for secret in old if not check else []:
        cluster.wait(secret, signed, f"a new token in Secret {_name(secret)}")
    return [f"sign the token in Secret {_name(secret)} anew" for secret in old]
