from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.oci import archive, build

IMAGE = {"name": "db:1", "packages": ["a"], "suite": "trixie", "remove": [], "config": {"User": "100:102"}}


@pytest.fixture
def root(tmp_path):
    """A root folder with a file and a link to it."""
    folder = tmp_path / "root"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/run").write_text("#!/bin/sh\n")
    (folder / "bin/start").symlink_to("run")
    return folder


def pack(root, name="image.tar"):
    target = root.parent / name
    return target, archive.pack(root, target, IMAGE["config"], "amd64", IMAGE["name"])


def blobs(target):
    with tarfile.open(target) as packed:
        return {one.name: packed.extractfile(one).read() for one in packed}


def test_every_blob_has_the_digest_by_which_it_is_named(root):
    target, digest = pack(root)
    content = blobs(target)
    named = {name.rpartition("/")[2]: data for name, data in content.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in named.items())
    manifest = json.loads(named[digest.removeprefix("sha256:")])
    assert {one["digest"].removeprefix("sha256:") for one in (manifest["config"], *manifest["layers"])} < set(named)
    index = json.loads(content["index.json"])["manifests"][0]
    assert (index["digest"], index["annotations"]) == (
        digest,
        {"org.opencontainers.image.ref.name": "db:1", "io.containerd.image.name": "db:1"},
    )


def test_the_layer_holds_the_folder_and_the_config_names_its_plain_digest(root):
    target, digest = pack(root)
    content = blobs(target)
    manifest = json.loads(content[f"blobs/sha256/{digest.removeprefix('sha256:')}"])
    plain = gzip.decompress(content[f"blobs/sha256/{manifest['layers'][0]['digest'].removeprefix('sha256:')}"])
    config = json.loads(content[f"blobs/sha256/{manifest['config']['digest'].removeprefix('sha256:')}"])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    assert config["config"] == IMAGE["config"]
    with tarfile.open(fileobj=io.BytesIO(plain)) as layer:
        assert layer.getnames() == ["bin", "bin/run", "bin/start"]
        assert layer.extractfile("bin/run").read() == b"#!/bin/sh\n"


def test_equal_contents_make_an_equal_digest_and_nothing_is_left_over(root):
    first = pack(root)[1]
    assert pack(root, "again.tar")[1] == first
    (root / "bin/run").write_text("other")
    assert pack(root, "again.tar")[1] != first
    assert sorted(path.name for path in root.parent.iterdir()) == ["again.tar", "image.tar", "root"]


def test_another_definition_is_another_file():
    files = {"bin/run": b"a"}
    assert build.digest(IMAGE, files) == build.digest(dict(reversed(IMAGE.items())), dict(files))
    assert len({build.digest(IMAGE, files), build.digest(IMAGE, {"bin/run": b"b"}), build.digest(IMAGE | {"suite": "x"}, files)}) == 3


def test_what_is_useless_goes_and_a_folders_place_stays(root):
    (root / "usr/share/doc/a").mkdir(parents=True)
    (root / "usr/lib").mkdir()
    (root / "usr/lib/libLLVM.so.1").touch()
    build.trim(root, ["usr/share/doc", "usr/lib/libLLVM*", "not/there"])
    assert list((root / "usr/share/doc").iterdir()) == list((root / "usr/lib").iterdir()) == []
    assert (root / "bin/run").exists()


def test_an_image_of_one_program_keeps_that_alone(root, tmp_path):
    (root / "etc").mkdir()
    (root / "etc/passwd").touch()
    left = build.kept(root, ["bin/*", "etc/passwd"], tmp_path / "kept")
    assert sorted(str(path.relative_to(left)) for path in left.rglob("*")) == ["bin", "bin/run", "bin/start", "etc", "etc/passwd"]
    assert (left / "bin/start").read_text() == "#!/bin/sh\n"


def test_a_program_that_no_package_has_is_refused(root, tmp_path):
    with pytest.raises(CloudError, match="bin/pause"):
        build.kept(root, ["bin/pause"], tmp_path / "kept")
