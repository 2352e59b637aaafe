# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What depends on the version of Kubernetes: the one table of flags and admission plugins, and the command lines made from it.

Source: the release notes of Kubernetes 1.20 to 1.34, and the flags of the 1.20.2 source.
"""

from __future__ import annotations

import re

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

OLDEST, NEWEST = (1, 20), (1, 34)

# Flags that do not exist in every supported version: (component, flag) -> (first version, last version).
FLAGS: dict[tuple[str, str], tuple[tuple[int, int], tuple[int, int]]] = {
    ("kube-apiserver", "encryption-provider-config-automatic-reload"): ((1, 26), NEWEST),
    # 0 closes the port without TLS, which these versions open by default.
    ("kube-controller-manager", "port"): (OLDEST, (1, 23)),
    ("kube-scheduler", "port"): (OLDEST, (1, 23)),
}
# Flags that an operator's old notes may hold, and the last version that knows them.
REMOVED: dict[tuple[str, str], tuple[int, int]] = {
    ("kube-apiserver", "insecure-port"): (1, 23),
    ("kube-apiserver", "insecure-bind-address"): (1, 23),
    ("kube-apiserver", "logtostderr"): (1, 25),
    ("kube-controller-manager", "address"): (1, 23),
    ("kube-controller-manager", "logtostderr"): (1, 25),
    ("kube-controller-manager", "pod-eviction-timeout"): (1, 26),
    ("kube-scheduler", "address"): (1, 23),
    ("kube-scheduler", "logtostderr"): (1, 25),
    ("kube-scheduler", "policy-config-file"): (1, 22),
}
# Flags that take one value each time they are given; the others take a list as words with commas. Source: pflag's StringArray, and
# component-base's MapStringStringNoSplit and NamedCertKeyArray, in the options of 1.20 and 1.34.
REPEATED = {"oidc-required-claim", "service-account-issuer", "service-account-key-file", "tls-sni-cert-key"}
# Admission plugins that do not exist in every supported version.
ADMISSION_PLUGINS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "PodSecurity": ((1, 22), NEWEST),
    "PodSecurityPolicy": (OLDEST, (1, 24)),
    "ValidatingAdmissionPolicy": ((1, 26), NEWEST),
}


def parse(version: str) -> tuple[int, int]:
    """Return major and minor of a version such as "1.34.2".

    Raises CloudError for a version that is none or not supported.
    """
    parts = str(version).removeprefix("v").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise CloudError(f"Kubernetes version {version!r}: expected something like 1.34.2", "Correct the version in cloud_artifacts.")
    release = (int(parts[0]), int(parts[1]))
    if not OLDEST <= release <= NEWEST:
        raise CloudError(
            f"Kubernetes {version} is not supported: expected {text(OLDEST)} to {text(NEWEST)}",
            "Take a supported version in cloud_artifacts; docs/versions.md says what was tested.",
        )
    return release


def text(version: tuple[int, int]) -> str:
    """Return a version as people write it."""
    return f"{version[0]}.{version[1]}"


def arguments(options: dict, component: str, version: str, extra: dict | None = None) -> list[str]:
    """Return the command line of a component, sorted by flag, one flag with its value per element and nothing quoted.

    A dictionary becomes key=value; a list, or several keys, become words with commas or, where Kubernetes wants it, the flag several times.
    ``options`` are the role's own; those that this version does not know are left out. ``extra`` are the operator's and win; one that this
    version does not know raises CloudError, because leaving it out would hide a mistake.
    """
    release = parse(version)
    for flag in extra or {}:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", str(flag)):
            raise CloudError(f"{component}: expected a flag without its dashes, found {flag!r}", "Correct the extra arguments.")
        last = REMOVED.get((component, flag))
        first, final = FLAGS.get((component, flag), (OLDEST, last or NEWEST))
        if not first <= release <= final:
            raise CloudError(
                f"{component} {version} has no flag --{flag}: it exists from {text(first)} to {text(final)}",
                f"Remove {flag} from the extra arguments of {component}.",
            )
    known = {
        flag: value
        for flag, value in options.items()
        if (component, flag) not in FLAGS or FLAGS[component, flag][0] <= release <= FLAGS[component, flag][1]
    }
    return [f"--{flag}={text}" for flag, value in sorted((known | (extra or {})).items()) for text in _values(flag, value)]


def _values(flag: str, value: object) -> list[str]:
    """Return the values of a flag, one for each time that it is given."""
    if isinstance(value, dict):
        value = [f"{key}={_text(part)}" for key, part in value.items()]
    if not isinstance(value, list):
        return [_text(value)]
    texts = [_text(part) for part in value]
    return texts if flag in REPEATED else [",".join(texts)]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def admission_plugins(desired: list[str], version: str) -> list[str]:
    """Return those of the desired admission plugins that this version has."""
    release = parse(version)
    return [
        plugin
        for plugin in desired
        if plugin not in ADMISSION_PLUGINS or ADMISSION_PLUGINS[plugin][0] <= release <= ADMISSION_PLUGINS[plugin][1]
    ]
