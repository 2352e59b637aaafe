# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Flags by version: one with which the component would not start is refused."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import flags


@pytest.mark.parametrize(
    ("version", "parsed"), [("1.35.4", (1, 35)), ("v1.36.3", (1, 36)), ("1.37.0-rc.1", (1, 37)), ("1.36", (1, 36)), (1.37, (1, 37))]
)
def test_supported_versions(version, parsed):
    assert flags.parse(version) == parsed


@pytest.mark.parametrize("version", ["1", "latest", "1.x.2", "", "-1.36.2"])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(CloudError, match="expected something like"):
        flags.parse(version)


@pytest.mark.parametrize("version", ["1.34.1", "1.38.0", "2.36.0", "0.36.1"])
def test_unsupported_versions_are_refused(version):
    with pytest.raises(CloudError, match=r"is not supported: expected 1\.35 to 1\.37"):
        flags.parse(version)


def test_values_as_the_command_line_wants_them():
    options = {"profiling": False, "authorization-mode": ["Node", "RBAC"], "secure-port": 6443, "a": "b c"}
    assert flags.arguments(options, "kube-apiserver", "1.36.3") == [
        "--a=b c",
        "--authorization-mode=Node,RBAC",
        "--profiling=false",
        "--secure-port=6443",
    ]


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("service-account-key-file", ["/a", "/b"], ["--service-account-key-file=/a", "--service-account-key-file=/b"]),
        ("feature-gates", {"A": True, "B": False}, ["--feature-gates=A=true,B=false"]),
        (
            "service-account-issuer",
            ["https://new", "https://old"],
            ["--service-account-issuer=https://new", "--service-account-issuer=https://old"],
        ),
        ("tls-cipher-suites", ["A"], ["--tls-cipher-suites=A"]),
    ],
)
def test_a_list_is_words_with_commas_or_the_flag_again(flag, value, expected):
    assert flags.arguments({}, "kube-apiserver", "1.36.3", {flag: value}) == expected


@pytest.mark.parametrize("flag", ["--profiling", "profiling=true", "a b", ""])
def test_what_is_no_flag_is_refused(flag):
    with pytest.raises(CloudError, match="expected a flag without its dashes"):
        flags.arguments({}, "kube-apiserver", "1.36.3", {flag: 1})


@pytest.mark.parametrize(
    ("component", "flag", "version", "known"),
    [
        ("kube-scheduler", "port", "1.36.3", False),
        ("kube-apiserver", "insecure-port", "1.35.0", False),
        ("kube-controller-manager", "concurrent-disruption-syncs", "1.36.3", False),
        ("kube-controller-manager", "concurrent-disruption-syncs", "1.37.0", True),
        ("kube-scheduler", "tls-curve-preferences", "1.35.4", False),
        ("kube-scheduler", "tls-curve-preferences", "1.36.0", True),
        ("kube-apiserver", "max-requests-inflight", "1.36.3", True),
    ],
)
def test_the_operators_flag_is_refused_where_it_does_not_exist(component, flag, version, known):
    if known:
        assert f"--{flag}=1" in flags.arguments({}, component, version, {flag: 1})
        return
    with pytest.raises(CloudError, match=f"{component} {version} has no flag --{flag}") as refused:
        flags.arguments({}, component, version, {flag: 1})
    assert refused.value.hint == f"Remove {flag} from the extra arguments of {component}."


def test_the_operators_value_wins():
    assert flags.arguments({"v": 1, "profiling": False}, "kube-apiserver", "1.36.3", {"v": 4}) == ["--profiling=false", "--v=4"]


@pytest.mark.parametrize(
    ("flag", "option"),
    [
        ("anonymous-auth", "kube_apiserver_jwt"),
        ("authorization-mode", "kube_apiserver_authorizers"),
        ("oidc-issuer-url", "kube_apiserver_jwt"),
    ],
)
def test_a_flag_in_whose_place_there_is_a_file_is_refused_with_the_option_to_use(flag, option):
    with pytest.raises(CloudError, match=f"--{flag} cannot be given beside a configuration file") as refused:
        flags.arguments({}, "kube-apiserver", "1.36.3", {flag: 1})
    assert option in refused.value.hint
    assert flags.arguments({}, "kube-scheduler", "1.36.3", {"authorization-kubeconfig": "x"}) == ["--authorization-kubeconfig=x"]
