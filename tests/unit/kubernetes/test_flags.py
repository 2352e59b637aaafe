# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Flags and admission plugins by version: the role's are left out, the operator's refused."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import flags


@pytest.mark.parametrize(
    ("version", "parsed"), [("1.20.2", (1, 20)), ("v1.34.1", (1, 34)), ("1.25.0-rc.1", (1, 25)), ("1.21", (1, 21)), (1.34, (1, 34))]
)
def test_supported_versions(version, parsed):
    assert flags.parse(version) == parsed


@pytest.mark.parametrize("version", ["1", "latest", "1.x.2", "", "-1.20.2"])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(CloudError, match="expected something like"):
        flags.parse(version)


@pytest.mark.parametrize("version", ["1.19.16", "1.35.0", "2.20.0", "0.25.1"])
def test_unsupported_versions_are_refused(version):
    with pytest.raises(CloudError, match=r"is not supported: expected 1\.20 to 1\.34"):
        flags.parse(version)


def test_values_as_the_command_line_wants_them():
    options = {"profiling": False, "authorization-mode": ["Node", "RBAC"], "secure-port": 6443, "a": "b c"}
    assert flags.arguments(options, "kube-apiserver", "1.34.1") == [
        "--a=b c",
        "--authorization-mode=Node,RBAC",
        "--profiling=false",
        "--secure-port=6443",
    ]


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("service-account-key-file", ["/a", "/b"], ["--service-account-key-file=/a", "--service-account-key-file=/b"]),
        ("oidc-required-claim", {"team": "a b", "x": "y,z"}, ["--oidc-required-claim=team=a b", "--oidc-required-claim=x=y,z"]),
        ("oidc-required-claim", "team=a b", ["--oidc-required-claim=team=a b"]),
        ("feature-gates", {"A": True, "B": False}, ["--feature-gates=A=true,B=false"]),
        (
            "service-account-issuer",
            ["https://new", "https://old"],
            ["--service-account-issuer=https://new", "--service-account-issuer=https://old"],
        ),
        ("authorization-mode", ["RBAC"], ["--authorization-mode=RBAC"]),
    ],
)
def test_a_list_is_words_with_commas_or_the_flag_again(flag, value, expected):
    assert flags.arguments({}, "kube-apiserver", "1.34.1", {flag: value}) == expected


@pytest.mark.parametrize("flag", ["--profiling", "profiling=true", "a b", ""])
def test_what_is_no_flag_is_refused(flag):
    with pytest.raises(CloudError, match="expected a flag without its dashes"):
        flags.arguments({}, "kube-apiserver", "1.34.1", {flag: 1})


@pytest.mark.parametrize(("version", "known"), [("1.20.2", True), ("1.23.17", True), ("1.24.0", False), ("1.34.1", False)])
def test_the_roles_flag_is_left_out_where_it_does_not_exist(version, known):
    for component in ("kube-controller-manager", "kube-scheduler"):
        assert ("--port=0" in flags.arguments({"port": 0, "v": 1}, component, version)) is known
    assert flags.arguments({"port": 0}, "kube-apiserver", version) == ["--port=0"], "another component's flag of that name is left alone"


@pytest.mark.parametrize(
    ("component", "flag", "version", "known"),
    [
        ("kube-scheduler", "port", "1.23.0", True),
        ("kube-scheduler", "port", "1.24.0", False),
        ("kube-apiserver", "encryption-provider-config-automatic-reload", "1.25.0", False),
        ("kube-apiserver", "encryption-provider-config-automatic-reload", "1.26.0", True),
        ("kube-apiserver", "insecure-port", "1.20.2", True),
        ("kube-apiserver", "insecure-port", "1.24.0", False),
        ("kube-controller-manager", "pod-eviction-timeout", "1.26.0", True),
        ("kube-controller-manager", "pod-eviction-timeout", "1.27.0", False),
        ("kube-apiserver", "max-requests-inflight", "1.34.1", True),
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
    assert flags.arguments({"v": 1, "profiling": False}, "kube-apiserver", "1.34.1", {"v": 4}) == ["--profiling=false", "--v=4"]


@pytest.mark.parametrize(
    ("version", "plugins"),
    [
        ("1.20.2", ["NodeRestriction", "PodSecurityPolicy"]),
        ("1.22.0", ["NodeRestriction", "PodSecurity", "PodSecurityPolicy"]),
        ("1.25.0", ["NodeRestriction", "PodSecurity"]),
        ("1.34.1", ["NodeRestriction", "PodSecurity", "ValidatingAdmissionPolicy"]),
    ],
)
def test_admission_plugins(version, plugins):
    desired = ["NodeRestriction", "PodSecurity", "PodSecurityPolicy", "ValidatingAdmissionPolicy"]
    assert flags.admission_plugins(desired, version) == plugins
