"""The command runner says what failed, in one language, whatever the program does."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import execute, run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


def test_output_is_returned_and_input_is_read():
    assert run(["cat"], "copy", stdin="a\nb") == "a\nb"


def test_programs_speak_the_language_that_is_parsed():
    assert run(["sh", "-c", "echo $LC_ALL"], "ask") == "C.UTF-8\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sh", "-c", "echo out; echo why >&2; exit 3"], "Could not try: sh ended with status 3: why"),
        (["sh", "-c", "echo out; exit 3"], "Could not try: sh ended with status 3: out"),
        (["no-such-program"], "Could not try: the program no-such-program is not on the host"),
        (["sleep", "5"], "Could not try: sleep was still running after 0 s"),
    ],
)
def test_failure_names_the_purpose_and_the_reason(command, message):
    with pytest.raises(CloudError) as error:
        run(command, "try", "do this", timeout=0.3)
    assert (error.value.message, error.value.hint) == (message, "do this")


def test_execute_leaves_a_failure_to_its_caller():
    done = execute(["sh", "-c", "printf '\\377'; exit 3"])
    assert (done.returncode, done.stdout) == (3, "\ufffd"), "what is no UTF-8 does not end the run"
    with pytest.raises(subprocess.TimeoutExpired):
        execute(["sleep", "5"], timeout=0.1)
