# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""awx/configure.yml, run with the modules of awx.awx against a store that speaks AWX's REST conventions: everything arrives, once."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.filter.awx import survey
from controller_store import ENCRYPTED, Refusal, Store, serve
from playbook_alone import playbook_alone

REPOSITORY = Path(__file__).resolve().parents[3]
ARGUMENTS = yaml.safe_load((REPOSITORY / "meta/flow_arguments.yml").read_text())["flow_arguments"]
TEMPLATES = yaml.safe_load((REPOSITORY / "awx/vars/templates.yml").read_text())["awx_templates"]
TOKEN = "of-the-test"  # noqa: S105
SETTINGS = {
    "awx_project_url": "https://git.example.net/cloud.git",
    "awx_inventory_path": "inventories/mine",
    "awx_inventory_url": "https://git.example.net/inventory.git",
    "awx_execution_environment_image": "registry.example.net/honeycomb:1",
    "awx_credentials": {"ssh": {"username": "operator", "ssh_key_data": "of-the-test"}, "state": {"vault_password": "of-the-test"}},
    "awx_notifications": [
        {
            "name": "on-call",
            "notification_type": "webhook",
            "notification_configuration": {"url": "https://hook.example.net", "http_method": "POST", "headers": {}},
        }
    ],
}
DAILY = "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1"
FILLED_IN = {"user": "fence", "password": "by hand"}


@dataclass
class Configured:
    """A store after two runs. ``writes``: what each run wrote; ``output``: what each said."""

    store: Store
    writes: list[list[str]]
    output: list[str]


def configure(port: int, settings: dict, token: str = TOKEN) -> subprocess.CompletedProcess:
    controller = {"CONTROLLER_HOST": f"http://127.0.0.1:{port}", "CONTROLLER_OAUTH_TOKEN": token}
    return playbook_alone(REPOSITORY, "nowhere,", "awx/configure.yml", "-e", json.dumps(settings), timeout=1200, **controller)


@pytest.fixture(scope="module")
def server():
    started = serve(Store(REPOSITORY), TOKEN)
    yield started
    started.shutdown()


@pytest.fixture(scope="module")
def configured(server):
    store = server.RequestHandlerClass.store
    writes, output = [], []
    for _run in range(2):
        before = len(store.writes)
        done = configure(server.server_port, SETTINGS)
        assert done.returncode == 0, done.stdout + done.stderr
        writes.append(store.writes[before:])
        output.append(done.stdout)
        # What the settings leave out is filled in on AWX's pages.
        store.inputs[store.named("credentials", "honeycomb.cloud fencing")["id"]] = dict(FILLED_IN)
    return Configured(store, writes, output)


@pytest.fixture
def store(configured):
    return configured.store


def test_a_second_run_changes_nothing(configured):
    assert len(configured.writes[0]) > len(TEMPLATES)
    assert configured.writes[1] == []
    assert "changed=12 " in configured.output[0]
    assert "changed=0 " in configured.output[1]


def test_every_flow_arrives_with_its_survey_and_its_playbook(store):
    for flow, one in TEMPLATES.items():
        template = store.named("job_templates", one["name"])
        assert template["playbook"] == f"playbooks/{flow}.yml"
        assert store.surveys.get(template["id"], {}) == survey(ARGUMENTS.get(flow))
        assert template["survey_enabled"] == (flow in ARGUMENTS)
        assert template["ask_job_type_on_launch"] == template["ask_diff_mode_on_launch"] == one.get("check", False)
        assert template["ask_limit_on_launch"] == one.get("limit", False)
        assert template["allow_simultaneous"] == one.get("simultaneous", False)
        assert ("cloud_lock_timeout" in json.loads(template["extra_vars"])) == (not one.get("simultaneous"))
    assert len(store.items["job_templates"]) == len(TEMPLATES)


def test_the_recovery_asks_for_the_lost_node(store):
    recovery = store.named("job_templates", "Node: recover what ran on a lost one")
    asked, *_limits = store.surveys[recovery["id"]]["spec"]
    assert (asked["variable"], asked["type"], asked["required"], asked["min"]) == ("failed_node", "text", True, 1)


def test_every_job_gets_what_it_needs(store):
    for template in store.items["job_templates"].values():
        assert store.listed(template, "credentials") == ["honeycomb.cloud ssh", "honeycomb.cloud state", "honeycomb.cloud fencing"]
        assert template["inventory"] == store.named("inventories", "honeycomb.cloud")["id"]
        assert template["project"] == store.named("projects", "honeycomb.cloud flows")["id"]
        assert template["execution_environment"] == store.named("execution_environments", "honeycomb.cloud")["id"]
    assert store.named("execution_environments", "honeycomb.cloud")["image"] == SETTINGS["awx_execution_environment_image"]


def test_secrets_arrive_and_are_not_given_back(store):
    ssh, state = (store.named("credentials", f"honeycomb.cloud {name}") for name in ("ssh", "state"))
    assert store.inputs[ssh["id"]] == SETTINGS["awx_credentials"]["ssh"]
    assert store.shown(ssh)["inputs"] == {"username": "operator", "ssh_key_data": ENCRYPTED}
    assert store.inputs[state["id"]] == SETTINGS["awx_credentials"]["state"]
    assert store.items["credential_types"][state["credential_type"]]["name"] == "Vault"


def test_a_secret_that_was_filled_in_by_hand_stays(store):
    assert store.inputs[store.named("credentials", "honeycomb.cloud fencing")["id"]] == FILLED_IN


def test_power_controllers_come_to_the_inventory_as_variables(store):
    kind = store.named("credential_types", "Power controllers")
    assert kind["injectors"] == {"extra_vars": {"fencing_user": "{{ user }}", "fencing_password": "{{ password }}"}}
    assert [field["id"] for field in kind["inputs"]["fields"] if field.get("secret")] == ["password"]


def test_the_inventory_comes_from_its_repository(store):
    source = store.named("inventory_sources", "honeycomb.cloud inventory source")
    assert store.items["projects"][source["source_project"]]["scm_url"] == SETTINGS["awx_inventory_url"]
    assert source["source_path"] == SETTINGS["awx_inventory_path"]
    assert {"honeycomb.cloud flows", "honeycomb.cloud inventory"} == set(store.fetched)


def test_the_workflow_has_its_steps_and_edges(store):
    detect, recover, prove = (store.named("workflow_job_template_nodes", name) for name in ("detect", "recover", "prove"))
    assert store.listed(detect, "failure_nodes") == ["recover"]
    assert store.listed(recover, "success_nodes") == ["prove"]
    assert [store.listed(node, "success_nodes") for node in (detect, prove)] == [[], []]
    assert [store.listed(node, "failure_nodes") for node in (recover, prove)] == [[], []]
    started = [store.items["job_templates"][node["unified_job_template"]]["playbook"] for node in (detect, recover, prove)]
    assert started == [f"playbooks/day2/node/{name}.yml" for name in ("detect", "failure", "verify")]


def test_somebody_is_told(store):
    told = {
        (one["name"], when)
        for resource in ("job_templates", "workflow_job_templates")
        for one in store.items[resource].values()
        for when in ("started", "success", "error")
        if store.listed(one, f"notification_templates_{when}") == ["on-call"]
    }
    assert told == {(one["name"], when) for one in TEMPLATES.values() for when in one.get("notify", [])} | {
        ("Node loss: detect, recover, prove", "error")
    }


def test_schedules_start_what_they_name(store):
    nightly = store.named("schedules", "Cloud: verify every night")
    assert nightly["unified_job_template"] == store.named("job_templates", "Cloud: verify")["id"]
    assert (nightly["enabled"], nightly["extra_data"]) == (True, {"verify_disruption": "false"})
    loss = store.named("schedules", "Node loss: look every five minutes")
    assert loss["unified_job_template"] == store.named("workflow_job_templates", "Node loss: detect, recover, prove")["id"]
    assert loss["enabled"] is False
    fetched = [store.named("schedules", f"{what}: fetch every hour")["unified_job_template"] for what in ("Flows", "Inventory")]
    assert fetched == [
        store.named("projects", "honeycomb.cloud flows")["id"],
        store.named("inventory_sources", "honeycomb.cloud inventory source")["id"],
    ]


def test_missing_settings_are_named(server):
    done = configure(server.server_port, {"awx_project_url": "https://git.example.net/cloud.git"})
    assert done.returncode == 2
    assert "Expected awx_project_url, awx_inventory_path and awx_execution_environment_image" in done.stdout


def test_the_store_lets_nobody_in_without_a_token(server):
    done = configure(server.server_port, SETTINGS, token="another")  # noqa: S106
    assert done.returncode == 2
    assert "Invalid authentication credentials" in done.stdout


@pytest.mark.parametrize(
    ("resource", "data"),
    [
        ("credential_types", {"inputs": {"fields": []}, "injectors": {"env": {"ANSIBLE_VAULT_PASSWORD_FILE": "x"}}}),
        ("credential_types", {"inputs": {"fields": [{"id": "user"}]}, "injectors": {"extra_vars": {"a": "{{ password }}"}}}),
        ("inventory_sources", {"source": "scm"}),
        ("inventory_sources", {"source": "scm", "source_project": "projects", "credential": "state"}),
        ("job_templates", {"project": "projects", "playbook": "playbooks/day2/node/failures.yml", "extra_vars": "{}"}),
        ("job_templates", {"project": "projects", "playbook": "playbooks/tasks/report.yml", "extra_vars": "{}"}),
        ("schedules", {"unified_job_template": "templates", "rrule": DAILY.replace("Z", "")}),
        ("schedules", {"unified_job_template": "templates", "rrule": DAILY, "extra_data": {"a": 1}}),
    ],
)
def test_the_store_refuses_what_awx_refuses(store, resource, data):
    known = {
        "projects": store.named("projects", "honeycomb.cloud flows")["id"],
        "state": store.named("credentials", "honeycomb.cloud state")["id"],
        "templates": store.named("job_templates", "Cloud: verify")["id"],
    }
    with pytest.raises(Refusal):
        store.check(resource, {name: known.get(value, value) if isinstance(value, str) else value for name, value in data.items()})
