# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments of module certificates, for the action plugin of that name and its part on a host."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

CERTIFICATE = {
    "name": {"type": "str", "required": True},
    "ca": {"type": "str", "required": True},
    "common_name": {"type": "str", "required": True},
    "organizations": {"type": "list", "elements": "str", "default": []},
    "dns": {"type": "list", "elements": "str", "default": []},
    "ip": {"type": "list", "elements": "str", "default": []},
    "usages": {"type": "list", "elements": "str", "choices": list(x509.USAGES), "default": ["client"]},
    "days": {"type": "int", "default": 365},
}
CERTIFICATES = {
    "ca_directory": {"type": "path", "required": True},
    "directory": {"type": "path", "default": "/etc/honeycomb/pki"},
    "certificates": {"type": "list", "elements": "dict", "options": CERTIFICATE, "required": True},
    "trust": {"type": "list", "elements": "str", "default": []},
    "renew_days": {"type": "int", "default": 30},
}
