# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpacks single collections of Ansible's bundle, the Python package ``ansible``, so that no Galaxy server is needed, nor all of it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def install(wheel: Path, names: list[str], target: Path) -> None:
    """Unpack collections of a wheel below ``target``. Raises SystemExit when it lacks one."""
    with zipfile.ZipFile(wheel) as bundle:
        for name in names:
            folder = f"ansible_collections/{name.replace('.', '/')}/"
            files = [path for path in bundle.namelist() if path.startswith(folder)]
            if not files:
                sys.exit(f"{wheel.name} has no collection {name}")
            bundle.extractall(target, files)


if __name__ == "__main__":
    # install_collections.py FOLDER-OF-THE-WHEEL TARGET COLLECTION...
    (found,) = Path(sys.argv[1]).glob("*.whl")
    install(found, sys.argv[3:], Path(sys.argv[2]))
