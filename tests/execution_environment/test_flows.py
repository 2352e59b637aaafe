# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Flows in the execution environment: what AWX sends, the state from the cloud, and the artifacts that a job leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud_under_test import groups, is_fenced, lab, playbook
from runner_jobs import ARGUMENTS_OF, FLOWS, TYPED, answers

LOST = "node2"
READ = "Read the newest copy of the state that the cloud keeps"


@pytest.fixture
def lost_node() -> Iterator[str]:
    """A node without power; afterwards it is back and, whatever became of the test, taken back."""
    lab("powered_off", LOST)
    yield LOST
    lab("started", LOST)
    if is_fenced(LOST):
        run = playbook("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={LOST}")
        assert run.code == 0, run.output


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_takes_what_its_survey_sends(launch, flow):
    result = launch(f"{ARGUMENTS_OF}{flow}", answers(flow, **TYPED.get(flow, {})))
    assert result.status == "successful", result.stdout


def test_required_answers_that_are_empty_and_texts_of_another_type_are_refused(launch):
    empty = launch(f"{ARGUMENTS_OF}day2/node/failure", answers("day2/node/failure"))
    assert empty.status == "failed"
    assert "missing required arguments: failed_node: Node that is lost" in empty.stdout
    wrong = launch(f"{ARGUMENTS_OF}day2/ceph_osd/remove", answers("day2/ceph_osd/remove", osd="osd.2"))
    assert wrong.status == "failed"
    assert "argument 'osd' is of type str and we were unable to convert to int" in wrong.stdout


def test_the_inventory_is_checked(launch):
    result = launch("validate")
    assert result.status == "successful", result.stdout
    assert result.stats["ok"]


def test_a_job_without_the_clouds_state_is_refused(launch):
    result = launch("preflight", {"cloud_state_location": "directory"}, "--check")
    assert result.status == "failed"
    assert "holds no state, but these hosts belong to a cloud" in result.stdout


@pytest.mark.usefixtures("copies")
def test_the_state_comes_from_the_cloud(launch):
    result = launch("day2/state/pull", answers("day2/state/pull"))
    assert result.status == "successful", result.stdout
    assert {task for _, task in result.changed()} == {"Read the copy"}


@pytest.mark.usefixtures("copies")
def test_a_check_of_the_roll_out_on_a_converged_cloud_changes_no_host(launch):
    result = launch("site", arguments="--check --diff")
    assert result.status == "successful", result.stdout
    # The container is empty at first: the state is read into it, and what follows from the state would be written there.
    assert READ in {task for _, task in result.changed()}
    assert {(place, task) for place, task in result.changed() if place != "localhost" and task != READ} == set(), result.stdout
    titles = [table["title"] for table in result.stats["artifact_data"]["honeycomb_summary"]]
    assert "Endpoints" in titles


@pytest.mark.usefixtures("copies")
def test_certificates_are_reported(launch):
    result = launch("day2/certificate/report")
    assert result.status == "successful", result.stdout
    assert result.changed() == set()
    (table,) = result.stats["artifact_data"]["honeycomb_summary"]
    assert {row[table["columns"].index("host")] for row in table["rows"]} >= set(groups()["all"])


@pytest.mark.usefixtures("copies")
def test_a_lost_node_is_found_and_its_containers_recovered_and_what_is_left_of_pods_is_said(launch, lost_node):
    """The workflow of awx/vars/templates.yml, job by job: each gets what the one before it kept as an artifact.

    Without the administrator's kubeconfig, which no copy of the state has, pods are for a person; what can be done without it is done.
    """
    found = launch("day2/node/detect", answers("day2/node/detect", lost_for="1"))
    assert found.status == "failed", found.stdout  # so that the workflow goes on to the recovery
    assert found.stats["artifact_data"]["failed_node"] == lost_node
    recovered = launch("day2/node/failure", found.stats["artifact_data"])
    assert "The containers are recovered. Of pods there is left: The kubeconfig" in " ".join(recovered.stdout.split()), recovered.stdout
    report = recovered.stats["artifact_data"]["honeycomb_report"]
    assert report["failed"] == [lost_node]
    assert is_fenced(lost_node)
    lab("started", lost_node)
    back = launch("day2/node/rejoin", answers("day2/node/rejoin", rejoined_node=lost_node))
    assert "The kubeconfig" in back.stdout, back.stdout
    assert not is_fenced(lost_node)
