"""Keys that API servers share are replaced while clients read and write, also by a flow that is killed in its middle and run again."""

from __future__ import annotations

import base64

import kubernetes
import pytest
from cloud_under_test import Probe, Secrets, groups, killed, module, playbook, templated, wait_until

ROTATE = ("playbooks/day2/kubernetes_key/rotate.yml", "-e", "kubernetes_key=encryption,service-account")
NAMESPACE = "default"
ENCRYPTION = "kubernetes_encryption_key"
SIGNING = "kubernetes_service_account_key"
TEXT = "known only to those who may"


@pytest.fixture
def secret(api):
    """A Secret of a user."""
    body = {"metadata": {"name": "rotated"}, "stringData": {"text": TEXT}}
    api.core().create_namespaced_secret(NAMESPACE, body)
    yield lambda: base64.b64decode(api.core().read_namespaced_secret("rotated", NAMESPACE).data["text"]).decode()
    api.core().delete_namespaced_secret("rotated", NAMESPACE)


@pytest.fixture
def token(api):
    """A token that lives as long as its Secret, as programs outside of the cluster get it. The controller manager signs it."""
    annotations = {"kubernetes.io/service-account.name": "default"}
    body = {"metadata": {"name": "signed", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
    api.core().create_namespaced_secret(NAMESPACE, body)

    def current() -> str:
        def data() -> dict:
            return api.core().read_namespaced_secret("signed", NAMESPACE).data or {}

        wait_until(lambda: data().get("token"), 30, "a token in the Secret")
        return base64.b64decode(data()["token"]).decode()

    yield current
    api.core().delete_namespaced_secret("signed", NAMESPACE)


def signed_in(api, bearer: str) -> bool:
    """Whether the API takes a token."""
    review = kubernetes.client.V1TokenReview(spec=kubernetes.client.V1TokenReviewSpec(token=bearer))
    status = kubernetes.client.AuthenticationV1Api(kubernetes.client.ApiClient(api.configuration)).create_token_review(review).status
    return bool(status.authenticated)


def stored(hosts, name: str) -> str:
    """The beginning of a Secret as etcd has it."""
    tls = "--cacert=/etc/honeycomb/pki/ca/etcd.crt --cert=/etc/honeycomb/pki/etcd.crt --key=/etc/honeycomb/pki/etcd.key"
    address = "$(echo $SSH_CONNECTION | cut -d' ' -f3)"
    get = f"etcdctl --endpoints=https://{address}:2379 {tls} get --print-value-only /registry/secrets/{NAMESPACE}/{name}"
    return hosts.ask("control1", f"{get} | head -c 60 | tr -d '\\0' | tr -c '[:print:]' '?'")


def test_keys_are_replaced_while_clients_read_and_write(hosts, api, secret, token):
    before = Secrets.read()
    old_token = token()
    assert signed_in(api, old_token)

    def read_and_write() -> None:
        assert secret() == TEXT
        api.core().patch_namespaced_secret("rotated", NAMESPACE, {"metadata": {"annotations": {"written": "again"}}})

    with Probe(read_and_write, limit=900) as probe:
        killed(*ROTATE, until=lambda: f"{ENCRYPTION}_old" in Secrets.read())
        run = playbook(*ROTATE)
    assert run.code == 0, run.output
    print(f"the longest time without an answer: {probe.gap:.1f} s")
    assert probe.gap < 30, probe.last_error
    after = Secrets.read()
    name = after[ENCRYPTION].partition(":")[0]
    assert after[ENCRYPTION] != before[ENCRYPTION]
    assert f"{ENCRYPTION}_old" not in after, "the encryption key is dropped at once"
    assert f"k8s:enc:secretbox:v1:{name}:" in stored(hosts, "rotated")
    for host in groups()["kube_control"]:
        config = hosts.ask(host, "cat /etc/kubernetes/secrets/encryption.yml")
        assert (after[ENCRYPTION].rpartition(":")[2] in config, before[ENCRYPTION].rpartition(":")[2] in config) == (True, False)
    assert "are accepted until" in run.output
    assert signed_in(api, old_token), "what the old key signed is accepted for a day"
    assert f"{SIGNING}_old" in after

    last = playbook("playbooks/day2/kubernetes_key/rotate.yml", "-e", "kubernetes_key=service-account", "-e", "kubernetes_key_keep=0")
    assert last.code == 0, last.output
    assert not [name for name in Secrets.read() if name.endswith(("_next", "_old", "_since"))]
    assert Secrets.read()[SIGNING] == after[SIGNING], "a rotation that is not at its end is no second one"
    new_token = token()
    assert new_token != old_token, "those in Secrets were signed anew"
    assert signed_in(api, new_token)
    assert not signed_in(api, old_token)


def test_the_gate_finds_a_secret_of_another_key(hosts, secret):
    current = Secrets.read()[ENCRYPTION].rpartition(":")[0] or "key1"
    shards = {"main": {"client_port": 2379, "peer_port": 2380, "resources": []}}
    ask = {"name": "control1", "members": {"control1": str(templated("hostvars.control1.cloud_address"))}, "shards": shards}
    assert not module("control1", "verify_etcd_encryption", ask | {"key_name": current}, "--become")["failed"]
    refused = module("control1", "verify_etcd_encryption", ask | {"key_name": "another"}, "--become")
    assert refused["failed"]
    assert f"/registry/secrets/{NAMESPACE}/rotated" in refused["otherwise"]


def test_a_control_host_that_is_left_out_stops_it_before_anything_is_changed():
    before = Secrets.read()
    run = playbook(*ROTATE, "--limit", "!control3")
    assert run.code != 0
    assert "Expected all hosts of group kube_control" in run.output
    assert Secrets.read() == before
