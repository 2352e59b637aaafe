# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3 through the virtual address, from outside, while a host with an OSD loses power."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cloud_under_test import LAB_STATE
from conftest import cloud, storage

CLIENT = Path(__file__).with_name("s3_client.py").read_text()
SECONDS = 90  # at most: an outage until the heartbeats' grace of 20 s is over, and time before and after


@pytest.fixture
def account(hosts):
    """An S3 user with its keys, as a tenant would get it."""
    made = json.loads(hosts.ask("control1", "radosgw-admin user create --uid=drill --display-name=drill"))
    yield made["keys"][0]
    hosts.ask("control1", "radosgw-admin user rm --uid=drill --purge-data")


@pytest.fixture
def client(hosts):
    """A host outside with Debian's boto3 and the cloud's CA."""
    proxy = hosts.ask("control1", "cat /etc/apt/apt.conf.d/05honeycomb-proxy")
    hosts.ask("edge1", "cat > /etc/apt/apt.conf.d/05honeycomb-proxy", proxy)
    install = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends python3-boto3"
    hosts.ask("edge1", f"python3 -c 'import boto3' 2>/dev/null || ({install}) >/dev/null 2>&1", timeout=400)
    hosts.ask("edge1", "cat > /root/ceph-ca.crt", (LAB_STATE / "cloud/pki/ceph.crt").read_text())
    return "edge1"


def test_no_acknowledged_object_is_lost_when_a_node_loses_power(hosts, client, account, variables):
    options = {
        "endpoint": f"https://{variables['vip']}:8443",
        "access": account["access_key"],
        "secret": account["secret_key"],
        "seconds": SECONDS,
    }
    # By standard input: the keys are in no process list.
    process = hosts.start(client, "python3 -", f"OPTIONS = {json.dumps(options)!r}\n{CLIENT}")
    try:
        time.sleep(10)  # what is written before the outage
        cloud.lab("powered_off", "node3")
        output, complaints = process.communicate(timeout=SECONDS + 180)
    finally:
        process.kill()
        cloud.lab("started", "node3")
    assert process.returncode == 0, complaints
    seen = json.loads(output)
    print(seen)
    assert seen["lost"] == []
    assert seen["listed"] == seen["acknowledged"] > 20
    assert seen["multipart"] >= 1
    assert seen["versions"] >= 2
    assert seen["gap"] < 60, seen
    healed = storage()  # waits for a healthy cluster; the host came back by itself
    assert healed.code == 0, healed.output
    assert not any(healed.changed.values()), healed.output


def test_the_gateway_speaks_no_http_and_no_old_tls(hosts, variables):
    plain = hosts.run("control1", f"curl --silent --max-time 5 http://{variables['vip']}:8443/")
    assert plain.returncode != 0
    old = hosts.run("control1", f"curl --silent --insecure --tls-max 1.1 --max-time 5 https://{variables['vip']}:8443/")
    assert old.returncode != 0
    stranger = hosts.run("control1", f"curl --silent --max-time 5 https://{variables['vip']}:8443/")
    assert stranger.returncode == 60  # not trusted without the cloud's CA
