# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes a root folder as an OCI archive with one layer: what `podman load` and registries take. No daemon and no registry is needed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

# image-spec 1.0, media types
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# A fixed time, so that equal contents make an equal digest.
EPOCH = 0


def pack(root: Path, target: Path, config: dict, architecture: str, name: str) -> str:
    """Write ``root`` to the file ``target`` and return the digest of the image's manifest.

    ``config`` as image-spec has it: Entrypoint, Env, User, ExposedPorts, Volumes, StopSignal. The file appears whole or not at all.
    """
    layer, diff = _layer(root, target.with_suffix(".layer"))
    blobs: dict[str, bytes] = {}

    def blob(value: dict, kind: str) -> dict:
        text = json.dumps(value, sort_keys=True).encode()
        digest = hashlib.sha256(text).hexdigest()
        blobs[digest] = text
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(text)}

    image = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]},
        "history": [{"created_by": "honeycomb.cloud"}],
    }
    layers = [{"mediaType": LAYER, "digest": f"sha256:{layer}", "size": target.with_suffix(".layer").stat().st_size}]
    manifest = blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": blob(image, CONFIG), "layers": layers}, MANIFEST)
    # containerd takes the second as the whole name, and the first as the tag of a name that it is given.
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
    partial = target.with_suffix(".partial")
    with tarfile.open(partial, "w") as archive:
        _add(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}, sort_keys=True).encode())
        for digest, text in sorted(blobs.items()):
            _add(archive, f"blobs/sha256/{digest}", text)
        information = tarfile.TarInfo(f"blobs/sha256/{layer}")
        information.size, information.mtime = target.with_suffix(".layer").stat().st_size, EPOCH
        with target.with_suffix(".layer").open("rb") as content:
            archive.addfile(information, content)
    target.with_suffix(".layer").unlink()
    partial.rename(target)
    return manifest["digest"]


def _add(archive: tarfile.TarFile, name: str, text: bytes) -> None:
    information = tarfile.TarInfo(name)
    information.size, information.mtime = len(text), EPOCH
    archive.addfile(information, io.BytesIO(text))


class _Digest(io.RawIOBase):
    """Passes what is written on, and counts its digest."""

    def __init__(self, target):
        self.target, self.digest = target, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.digest.update(data)
        return self.target.write(data)


def _layer(root: Path, target: Path) -> tuple[str, str]:
    """Write the layer; return the digests of its compressed and of its plain form."""
    with target.open("wb") as file:
        outer = _Digest(file)
        with gzip.GzipFile(filename="", mode="wb", fileobj=outer, compresslevel=5, mtime=EPOCH) as packed:
            inner = _Digest(packed)
            with tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for path in sorted(root.rglob("*")):
                    information = archive.gettarinfo(path, arcname=str(path.relative_to(root)))
                    if information is None:  # a socket
                        continue
                    information.mtime = min(information.mtime, 1_700_000_000)
                    information.uname = information.gname = ""
                    if information.isreg():
                        with path.open("rb") as content:
                            archive.addfile(information, content)
                    else:
                        archive.addfile(information)
    return outer.digest.hexdigest(), inner.digest.hexdigest()
