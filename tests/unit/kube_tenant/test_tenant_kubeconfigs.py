# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kubeconfigs of tenants' users: who has one, who has none any more, and who may read them."""

from __future__ import annotations

import base64

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.kubeconfigs import Kubeconfigs

ANN = {"tenant": "red", "name": "ann", "user": "honeycomb:red:ann", "namespace": "shop"}


@pytest.fixture
def files(tmp_path):
    pairs = tmp_path / "pki"
    (pairs / "ca").mkdir(parents=True)
    (pairs / "ca/kubernetes.crt").write_text("ca")
    for name in ("red.ann", "red.bob"):
        (pairs / f"{name}.crt").write_text(f"{name} certificate")
        (pairs / f"{name}.key").write_text(f"{name} key")
    return Kubeconfigs(str(tmp_path / "tenants"), str(pairs), "hc", "https://192.0.2.100:6443")


def test_a_kubeconfig_holds_all_that_its_user_needs_and_nobody_else_reads_it(files):
    files.converge([ANN, {**ANN, "name": "bob"}], check=False)
    path = files.directory / "red/ann.conf"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    config = yaml.safe_load(path.read_text())
    assert base64.b64decode(config["users"][0]["user"]["client-key-data"]) == b"red.ann key"
    assert base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]) == b"ca"
    assert config["contexts"][0]["context"]["namespace"] == "shop"


def test_a_second_run_changes_nothing_and_check_mode_writes_nothing(files):
    users = [ANN, {**ANN, "name": "bob"}]
    predicted = files.converge(users, check=True)
    assert not files.directory.exists()
    assert files.converge(users, check=False) == predicted
    assert files.converge(users, check=False) == files.converge(users, check=True) == []


def test_a_new_certificate_is_written_anew(files):
    files.converge([ANN], check=False)
    (files.certificates / "red.ann.crt").write_text("renewed")
    assert files.converge([ANN], check=False) == [f"write {files.directory}/red/ann.conf"]


def test_of_a_user_that_is_gone_nothing_is_left(files):
    files.converge([ANN, {**ANN, "name": "bob"}], check=False)
    files.converge([], check=False)
    assert list(files.directory.iterdir()) == []
    assert [path.name for path in files.certificates.iterdir()] == ["ca"]


def test_a_missing_certificate_is_named(files):
    with pytest.raises(CloudError, match=r"blue\.ann\.crt"):
        files.converge([{**ANN, "tenant": "blue"}], check=False)
