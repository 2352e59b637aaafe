# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CAs are replaced step by step; every step can be interrupted and run again."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas, rotation, x509


@pytest.fixture
def base(tmp_path):
    cas.create(str(tmp_path), ["etcd", "ovn"], "lab", 30)
    return str(tmp_path)


def do(base: str, step: str, names: tuple[str, ...] = ("etcd",), limit: int | None = None) -> list[str]:
    """Does a step, or the first ``limit`` things of it as if interrupted then; returns what was done."""
    changes = rotation.changes(base, step, list(names))[:limit]
    for _, action in changes:
        action()
    return [what for what, _ in changes]


def fingerprints(base: str, name: str = "etcd") -> list[str]:
    """Of the certificates that hosts trust, in their order."""
    return [part.strip() for part in cas.bundle(base, name).split("-----END CERTIFICATE-----") if part.strip()]


def test_both_are_trusted_before_certificates_change_and_until_all_have_new_ones(base):
    (old,) = fingerprints(base)
    assert do(base, "begin") == ["make a new CA etcd", "begin the rotation of CA etcd"]
    first, new = fingerprints(base)
    assert first == old != new
    assert x509.pem(cas.load(base, "etcd").certificate).startswith(old)
    assert do(base, "switch") == ["issue by the new CA etcd"]
    assert fingerprints(base) == [new, old]
    ca = cas.load(base, "etcd")
    assert x509.pem(ca.certificate).startswith(new)
    assert ca.key.public_key() == ca.certificate.public_key()
    assert do(base, "end") == ["trust the old CA etcd no more"]
    assert fingerprints(base) == [new]
    assert do(base, "finish") == ["end the rotation of CA etcd"]
    assert rotation.journal(base) == {}
    assert len(fingerprints(base, "ovn")) == 1


def test_the_new_one_has_the_name_and_the_days_of_the_old_one(base):
    old = cas.certificate(base, "etcd")
    for step in rotation.STEPS:
        do(base, step)
    new = cas.certificate(base, "etcd")
    assert new.subject == old.subject
    assert new.not_valid_after_utc - new.not_valid_before_utc == old.not_valid_after_utc - old.not_valid_before_utc


@pytest.mark.parametrize("interrupted", rotation.STEPS)
def test_a_flow_that_was_interrupted_is_run_again_from_its_begin(base, interrupted):
    done = rotation.STEPS[: rotation.STEPS.index(interrupted) + 1]
    for step in done:
        do(base, step, ("etcd", "ovn"), limit=None if step != interrupted else 1)
    if interrupted == "finish":
        return
    before = fingerprints(base)
    for step in rotation.STEPS:
        do(base, step, ("etcd", "ovn"))
    assert len(fingerprints(base)) == len(fingerprints(base, "ovn")) == 1
    if interrupted != "end":
        assert fingerprints(base)[0] == before[1 if interrupted == "begin" else 0], "the CA that the interrupted flow had made"
    assert rotation.journal(base) == {}


def test_an_interruption_between_the_two_files_of_a_pair_is_mended(base):
    do(base, "begin")
    new = fingerprints(base)[1]
    old = cas.paths(base, "etcd")
    (old[0].with_name("etcd.old.crt")).write_bytes(old[0].read_bytes())
    old[1].with_name("etcd.next.key").rename(old[1])
    do(base, "switch")
    ca = cas.load(base, "etcd")
    assert x509.pem(ca.certificate).startswith(new)
    assert ca.key.public_key() == ca.certificate.public_key()
    assert len(fingerprints(base)) == 2


def test_two_rotations_at_a_time_and_steps_out_of_order_are_refused(base):
    with pytest.raises(CloudError, match="No rotation is under way"):
        rotation.changes(base, "switch", ["etcd"])
    with pytest.raises(CloudError, match="There is no CA nosuch"):
        rotation.changes(base, "begin", ["nosuch"])
    do(base, "begin")
    with pytest.raises(CloudError, match="The rotation of CA etcd is under way"):
        rotation.changes(base, "begin", ["ovn"])
    assert cas.names(base) == ["etcd", "ovn"]
