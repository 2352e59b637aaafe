# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containerfiles: what of them is understood, and that the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from containerfile import ContainerfileError, Layers, Stage, Step, assignment, expand, inside, mounted, parse

TEXT = """
ARG BASE="registry.example.net/debian:trixie"
ARG OPTIONS=""

# Two stages
FROM $BASE AS base
ARG OPTIONS
RUN apt-get install \\
  python3
FROM base AS final
COPY --from=base /usr/share/ansible /usr/share/ansible
USER 1000
"""


def test_arguments_and_stages():
    arguments, stages = parse(TEXT)
    assert arguments == {"BASE": "registry.example.net/debian:trixie", "OPTIONS": ""}
    first = [Step("ARG", "OPTIONS"), Step("RUN", "apt-get install    python3")]
    second = [Step("COPY", "--from=base /usr/share/ansible /usr/share/ansible"), Step("USER", "1000")]
    assert stages == [Stage("base", "$BASE", first), Stage("final", "base", second)]


@pytest.mark.parametrize("text", ["FROM a\nHEALTHCHECK NONE", "RUN true", "FROM --platform=linux/arm64 a", "FROM a\nrun true"])
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(ContainerfileError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"), [('A="b c"', {"A": "b c"}), ("A=b=c", {"A": "b=c"}), ("A", {"A": ""}), ('A=""', {"A": ""}), ('A="', {"A": '"'})]
)
def test_assignments(text, expected):
    assert assignment(text) == expected


def test_variables_are_replaced_and_what_is_not_set_is_empty():
    assert expand("$A/${A}b/$AB/$C", {"A": "1", "AB": "2"}) == "1/1b/2/"


def test_layers_lie_on_each_other():
    layers = Layers(Path("/top"), [Path("/middle/upper"), Path("/bottom")])
    command = mounted([layers], ["true"])
    assert command[-5:] == ["/middle/upper:/bottom", "/top/upper", "/top/work", "/top/root", "true"]


def test_a_layer_begins_empty_and_with_what_is_below(tmp_path):
    below = Layers(tmp_path / "below", [Path("/bottom")], {"A": "1"}, "/work", "1000", ["init"])
    (tmp_path / "top/upper/left").mkdir(parents=True)
    top = below.on(tmp_path / "top")
    top.environment["B"] = "2"
    assert list((tmp_path / "top/upper").iterdir()) == []
    assert top.below == [tmp_path / "below/upper", Path("/bottom")]
    assert (top.folder, top.user, top.entrypoint, below.environment) == ("/work", "1000", ["init"], {"A": "1"})


def test_a_container_runs_as_the_images_user_with_its_variables():
    layers = Layers(Path("/top"), [Path("/bottom")], {"A": "1"}, "/work", "1000")
    command = inside(layers, ["true"], "--bind=/x", environment={"B": "2"})
    assert {"--setenv=A=1", "--setenv=B=2", "--bind=/x", "--chdir=/work", "--directory=/top/root"} <= set(command)
    assert command[-6:] == ["setpriv", "--reuid=1000", "--regid=0", "--clear-groups", "--", "true"]
    assert {"--unset=USER", "HOME=/"} <= set(command)
