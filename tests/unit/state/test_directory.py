# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state's files on the deployment host, and the record on a host."""

from __future__ import annotations

import hashlib
import io
import tarfile
import uuid

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas, x509
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import archive, directory, record
from cryptography.hazmat.primitives import hashes

ID = "aaaaaaaa-0000-4000-8000-000000000000"


@pytest.fixture
def state(tmp_path):
    """A state with two CAs and secrets."""
    path = tmp_path / "state"
    cas.create(str(path / "pki"), ["etcd", "ovn"], "lab", 30)
    (path / "secrets.yml").write_text("ceph_fsid: f1\n")
    (path / "secrets.yml").chmod(0o600)
    return path


def test_an_id_is_made_once(tmp_path):
    made = directory.identify(tmp_path / "new")
    assert str(uuid.UUID(made)) == made == directory.identify(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new/cloud.json").stat().st_mode & 0o777 == 0o600


def test_the_generation_counts_changes_and_nothing_else(state):
    directory.identify(state)
    assert directory.count(state, check=True)["generation"] == 1
    first = directory.count(state)
    assert first["generation"] == 1
    (state / "kubeconfig").mkdir()
    (state / "kubeconfig/admin.conf").write_text("can be made again")
    assert directory.count(state) == first
    (state / "secrets.yml").write_text("ceph_fsid: f1\nmore: 1\n")
    assert directory.count(state)["generation"] == 2


def test_nothing_is_counted_or_made_where_no_run_compared(state):
    with pytest.raises(CloudError, match="not the state of a cloud that was compared"):
        directory.count(state)
    with pytest.raises(CloudError, match=r"has no cloud\.json"):
        directory.demand_identity(state)


def test_a_broken_identity_is_said(state):
    (state / "cloud.json").write_text('{"id": "no uuid", "generation": 1, "digest": ""}')
    with pytest.raises(CloudError, match="cannot be read"):
        directory.load(state)


def test_fingerprints_are_those_of_the_certificates(state):
    certificate = cas.certificate(str(state / "pki"), "etcd")
    expected = certificate.fingerprint(hashes.SHA256()).hex()
    assert directory.read(state, "f1").authorities["etcd"] == [expected]
    assert record.fingerprints(x509.pem(certificate) * 2) == [expected, expected]


def test_a_host_says_what_it_has(tmp_path, state):
    trusted = tmp_path / "ca"
    trusted.mkdir()
    (trusted / "etcd.crt").write_text((state / "pki/etcd.crt").read_text())
    (trusted / "broken.crt").write_text("nothing")
    (tmp_path / "ceph.conf").write_text("[global]\nfsid = f1\n")
    bare = record.read(tmp_path / "cloud.json", tmp_path / "none", tmp_path / "none.conf", tmp_path / "none")
    assert bare == {"id": "", "generation": 0, "digest": "", "authorities": {}, "fsid": "", "copies": [], "clusters": {}}
    record.write({"id": ID, "generation": 2, "digest": "d", "name": "lab", "clusters": {"etcd": ["a"]}}, tmp_path / "cloud.json")
    record.write_copy("00000002-0123456789abcdef.vault", "text", tmp_path / "copies")
    assert record.read(tmp_path / "cloud.json", trusted, tmp_path / "ceph.conf", tmp_path / "copies") == {
        "id": ID,
        "generation": 2,
        "digest": "d",
        "authorities": {"etcd": directory.read(state, "f1").authorities["etcd"]},
        "fsid": "f1",
        "copies": ["00000002-0123456789abcdef.vault"],
        "clusters": {"etcd": ["a"]},
    }


def test_the_newest_copies_are_kept(tmp_path):
    for generation in range(1, 15):
        record.write_copy(archive.name(generation, "0" * 64), f"text {generation}", tmp_path)
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert [archive.generation(name) for name in names] == list(range(5, 15))
    assert archive.newest([*names, "something else"]) == names[-1]
    assert record.read_copy(names[-1], tmp_path) == "text 14"
    assert (tmp_path / names[0]).stat().st_mode & 0o777 == 0o600
    with pytest.raises(CloudError, match="This host has no copy"):
        record.read_copy("../x", tmp_path)


def test_two_contents_of_one_generation_are_told_apart():
    with pytest.raises(CloudError, match="two contents of generation 3"):
        archive.newest([archive.name(3, "a" * 64), archive.name(3, "b" * 64), archive.name(2, "a" * 64)])
    assert archive.newest([]) == ""


def test_a_state_that_was_packed_is_the_same_when_unpacked(state, tmp_path):
    directory.identify(state)
    identity = directory.count(state)
    files = archive.unpack(archive.pack(state))
    assert archive.digest(files) == identity["digest"]
    other = tmp_path / "other"
    (other / "pki").mkdir(parents=True)
    (other / "pki/gone.crt").write_text("of an older state")
    archive.store(files, other)
    assert directory.load(other) == identity
    assert directory.digest(other) == identity["digest"]
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.contents(other)} == {
        path.name: path.stat().st_mode & 0o777 for path in directory.contents(state)
    }


def test_an_archive_writes_nowhere_else(tmp_path):
    for name in ("../secrets.yml", "pki/../../x.crt", "bin/kubectl", "/etc/passwd"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as forged:
            forged.addfile(tarfile.TarInfo(name), io.BytesIO())
        with pytest.raises(CloudError, match="holds what no state has"):
            archive.unpack(buffer.getvalue())
    with pytest.raises(CloudError, match="damaged"):
        archive.unpack(b"nothing")


def test_a_record_that_is_broken_is_no_bare_host(tmp_path):
    for text in ("{", "[]"):
        (tmp_path / "cloud.json").write_text(text)
        with pytest.raises(CloudError, match=r"cloud\.json"):
            record.load(tmp_path / "cloud.json")


def test_the_digest_is_that_of_names_and_contents(state):
    before = directory.digest(state)
    (state / "pki/etcd.key").rename(state / "pki/other.key")
    assert directory.digest(state) != before
    assert len(before) == len(hashlib.sha256().hexdigest())
