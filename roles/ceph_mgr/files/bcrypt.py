# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API of bcrypt that ceph-mgr uses, over the system's libcrypt (Debian's libxcrypt).

Debian 13's python3-bcrypt is written in Rust and refuses to be imported in the sub-interpreters in which ceph-mgr before version 20 runs
its modules. This folder comes first in their path. Managed by honeycomb.cloud (role ceph_mgr).
"""

import ctypes
import hmac
import os

_OUTPUT = 192  # CRYPT_GENSALT_OUTPUT_SIZE
_DATA = 32768  # sizeof(struct crypt_data)

_crypt = ctypes.CDLL("libcrypt.so.1", use_errno=True)
_crypt.crypt_rn.restype = ctypes.c_char_p
_crypt.crypt_gensalt_rn.restype = ctypes.c_char_p


def gensalt(rounds=12, prefix=b"2b"):
    """Return a new salt for 2**rounds rounds."""
    noise = os.urandom(16)
    output = ctypes.create_string_buffer(_OUTPUT)
    salt = _crypt.crypt_gensalt_rn(b"$" + prefix + b"$", ctypes.c_ulong(rounds), noise, len(noise), output, _OUTPUT)
    if not salt:
        raise ValueError("Invalid rounds or prefix")
    return salt


def hashpw(password, salt):
    """Return the hash of a password (bytes, of which 72 count)."""
    data = ctypes.create_string_buffer(_DATA)
    hashed = _crypt.crypt_rn(password[:72], salt, data, _DATA)
    if not hashed or hashed.startswith(b"*"):
        raise ValueError("Invalid salt")
    return hashed


def checkpw(password, hashed_password):
    """Say whether a password has that hash."""
    return hmac.compare_digest(hashpw(password, hashed_password), hashed_password)
