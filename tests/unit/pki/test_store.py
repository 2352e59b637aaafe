# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CAs, a host's store and the report, as files: modes, pairs, interrupted runs, and what is wrong with a certificate."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common import files
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas, report, store, x509


def mode(path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def base(tmp_path):
    return tmp_path / "state" / "pki"


@pytest.fixture
def here(tmp_path):
    return store.Store(str(tmp_path / "pki"))


class TestCAs:
    def test_created_once_and_readable_by_their_owner_only(self, base):
        assert cas.missing(str(base), ["etcd", "kubernetes"]) == ["etcd", "kubernetes"]
        cas.create(str(base), ["etcd"], "lab", 10)
        assert cas.missing(str(base), ["etcd", "kubernetes"]) == ["kubernetes"]
        certificate, key = cas.paths(str(base), "etcd")
        assert (mode(base), mode(certificate), mode(key)) == (0o700, 0o644, 0o600)
        loaded = cas.load(str(base), "etcd")
        assert loaded.certificate == cas.certificate(str(base), "etcd")
        assert loaded.certificate.public_key() == loaded.key.public_key()
        assert x509.describe(loaded.certificate)["common_name"] == "lab etcd"
        assert cas.certificate(str(base), "kubernetes") is None

    @pytest.mark.parametrize("half", [0, 1])
    def test_half_a_pair_is_refused(self, base, half):
        cas.create(str(base), ["etcd"], "lab", 10)
        paths = cas.paths(str(base), "etcd")
        paths[half].unlink()
        with pytest.raises(CloudError, match="CA etcd") as refused:
            cas.missing(str(base), ["etcd"])
        assert refused.value.message == f"CA etcd: {paths[1 - half]} exists, {paths[half]} is missing"
        assert f"Restore {paths[half]}" in refused.value.hint

    def test_what_cannot_be_read_is_named(self, base):
        with pytest.raises(CloudError, match="CA etcd cannot be read"):
            cas.load(str(base), "etcd")
        cas.create(str(base), ["etcd"], "lab", 10)
        cas.paths(str(base), "etcd")[1].write_text("nonsense")
        with pytest.raises(CloudError, match="CA etcd cannot be read"):
            cas.load(str(base), "etcd")


class TestStore:
    def test_a_whole_issue(self, here, ca, desired, now):
        requests = here.request({"etcd": "control1"})
        assert here.inspect(["etcd"])["certificates"]["etcd"]["certificate"] is None, "nothing is in use yet"
        signed = x509.sign(ca, requests["etcd"], desired, now)
        here.install({"etcd": signed})
        here.trust({"etcd": x509.pem(ca.certificate)})
        found = here.inspect(["etcd"])
        assert found["certificates"]["etcd"] == {"certificate": signed, "key_matches": True, "private": True}
        assert found["cas"] == {"etcd": x509.pem(ca.certificate)}
        assert sorted(path.name for path in here.directory.iterdir()) == ["ca", "etcd.crt", "etcd.key"], "nothing is left over"
        assert (mode(here.directory / "etcd.key"), mode(here.directory / "etcd.crt")) == (0o600, 0o644)

    def test_no_key_is_ever_told(self, here, ca, desired, now):
        told = str(here.request({"etcd": "control1"}))
        here.install({"etcd": x509.sign(ca, here.request({"etcd": "control1"})["etcd"], desired, now)})
        assert "PRIVATE KEY" not in told + str(here.inspect(["etcd"]))

    def test_certificate_for_another_key_replaces_nothing(self, here, ca, desired, issue, now):
        good = x509.sign(ca, here.request({"a": "a"})["a"], desired, now)
        here.install({"a": good})
        before = (here.directory / "a.key").read_bytes()
        requests = here.request({"a": "a", "b": "b"})
        signed = {"a": x509.sign(ca, requests["a"], desired, now), "b": issue(ca)[0]}
        with pytest.raises(CloudError, match="b: the signed certificate is not for the key"):
            here.install(signed)
        assert (here.directory / "a.key").read_bytes() == before
        assert (here.directory / "a.crt").read_text() == good

    def test_lost_request_is_named(self, here, issue, ca):
        with pytest.raises(CloudError, match="the key that this host made cannot be read"):
            here.install({"etcd": issue(ca)[0]})

    @pytest.mark.parametrize("damage", ["other key", "no key", "broken key"])
    def test_key_that_does_not_match_is_seen(self, here, ca, desired, now, damage):
        here.install({"etcd": x509.sign(ca, here.request({"etcd": "a"})["etcd"], desired, now)})
        key = here.directory / "etcd.key"
        if damage == "other key":
            key.write_bytes(x509.key_pem(x509.new_key()))
        elif damage == "no key":
            key.unlink()
        else:
            key.write_text("nonsense")
        assert here.inspect(["etcd"])["certificates"]["etcd"]["key_matches"] is False

    def test_exposed_key_is_seen_and_given_back(self, here, ca, desired, now):
        here.install({"etcd": x509.sign(ca, here.request({"etcd": "a"})["etcd"], desired, now)})
        (here.directory / "etcd.key").chmod(0o640)
        assert here.inspect(["etcd"])["certificates"]["etcd"]["private"] is False
        here.protect(["etcd"])
        assert here.inspect(["etcd"])["certificates"]["etcd"]["private"] is True

    @pytest.mark.parametrize("desired", [files.PUBLIC, files.PRIVATE])
    def test_mode_does_not_depend_on_the_umask(self, tmp_path, desired):
        before = os.umask(0o077)
        try:
            files.replace(tmp_path / "a", b"x", desired)
        finally:
            os.umask(before)
        assert mode(tmp_path / "a") == desired

    def test_written_file_replaces_what_an_interrupted_run_left(self, tmp_path):
        (tmp_path / ".a.new").write_text("half")
        (tmp_path / ".a.new").chmod(0o666)
        files.replace(tmp_path / "a", b"whole", files.PRIVATE)
        assert (tmp_path / "a").read_bytes() == b"whole"
        assert mode(tmp_path / "a") == 0o600
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]
        assert store.read(tmp_path / "gone") is None


class TestReport:
    def test_directories_are_read_soonest_end_first(self, base, here, desired, now):
        cas.create(str(base), ["etcd"], "lab", 3650)
        signer = cas.load(str(base), "etcd")
        today = datetime.now(UTC).replace(microsecond=0)
        here.install({"etcd": x509.sign(signer, here.request({"etcd": "control1"})["etcd"], desired, today)})
        here.trust({"etcd": x509.pem(signer.certificate)})
        service, trusted = report.read([str(here.directory), str(base), str(base / "gone")], today)
        assert (service["kind"], service["name"], service["names"]) == ("service", "etcd", ["control1", "localhost", "10.0.0.1", "::1"])
        assert (service["subject"], service["issuer"]) == ("CN=control1,O=members", "CN=lab etcd")
        assert (service["days_left"], service["usages"], service["notes"]) == (365, ["server", "client"], [])
        assert (trusted["kind"], trusted["path"], trusted["notes"]) == ("ca", str(base / "etcd.crt"), [])

    def test_what_is_wrong_is_noted(self, here, issue, ca, now):
        here.directory.mkdir()
        (here.directory / "old.crt").write_text(issue(ca)[0])
        (here.directory / "broken.crt").write_text("nonsense")
        broken, old = report.read([str(here.directory)], now + timedelta(days=366))
        assert (broken["kind"], broken["notes"], broken["days_left"]) == ("unreadable", ["holds no certificate"], None)
        assert (old["days_left"], old["notes"]) == (-1, ["expired", "key missing or another one"])

    def test_readable_key_is_noted(self, here, ca, desired, now):
        here.install({"etcd": x509.sign(ca, here.request({"etcd": "a"})["etcd"], desired, now)})
        (here.directory / "etcd.key").chmod(0o644)
        assert report.read([str(here.directory)], now)[0]["notes"] == ["key readable by others than root"]
