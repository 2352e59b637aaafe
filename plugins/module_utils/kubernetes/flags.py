# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What depends on the version of Kubernetes: the one table of flags, and the command lines made from it.

Source: the flags in the sources of Kubernetes 1.35.4, 1.36.3 and 1.37.2, and the release notes before them.
"""

from __future__ import annotations

import re

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# The three newest minor releases, which upstream supports.
OLDEST, NEWEST = (1, 35), (1, 37)

# Flags that are newer than the oldest supported version: (component, flag) -> first version.
ADDED: dict[tuple[str, str], tuple[int, int]] = {
    ("kube-apiserver", "tls-curve-preferences"): (1, 36),
    ("kube-controller-manager", "concurrent-disruption-syncs"): (1, 37),
    ("kube-controller-manager", "concurrent-node-lifecycle-syncs"): (1, 37),
    ("kube-controller-manager", "concurrent-resourceclaim-syncs"): (1, 36),
    ("kube-controller-manager", "tls-curve-preferences"): (1, 36),
    ("kube-scheduler", "tls-curve-preferences"): (1, 36),
}
# Flags that an operator's old notes may hold, and the last version that knew them.
REMOVED: dict[tuple[str, str], tuple[int, int]] = {
    ("kube-apiserver", "insecure-port"): (1, 23),
    ("kube-apiserver", "insecure-bind-address"): (1, 23),
    ("kube-apiserver", "logtostderr"): (1, 25),
    ("kube-controller-manager", "address"): (1, 23),
    ("kube-controller-manager", "logtostderr"): (1, 25),
    ("kube-controller-manager", "pod-eviction-timeout"): (1, 26),
    ("kube-controller-manager", "port"): (1, 23),
    ("kube-scheduler", "address"): (1, 23),
    ("kube-scheduler", "logtostderr"): (1, 25),
    ("kube-scheduler", "policy-config-file"): (1, 22),
    ("kube-scheduler", "port"): (1, 23),
}
# Flags in whose place the API server has a configuration file, and will not start with both: the beginning of the flag -> the option.
CONFIGURED = {
    "anonymous-auth": "kube_apiserver_jwt",
    "authorization-": "kube_apiserver_authorizers",
    "oidc-": "kube_apiserver_jwt",
}
# Flags that take one value each time they are given; the others take a list as words with commas. Source: pflag's StringArray, and
# component-base's NamedCertKeyArray, in the options of 1.36.
REPEATED = {"service-account-issuer", "service-account-key-file", "tls-sni-cert-key"}


def parse(version: str) -> tuple[int, int]:
    """Return major and minor of a version such as "1.36.3".

    Raises CloudError for a version that is none or not supported.
    """
    parts = str(version).removeprefix("v").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise CloudError(f"Kubernetes version {version!r}: expected something like 1.36.3", "Correct the version in cloud_artifacts.")
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
    ``options`` are the role's own. ``extra`` are the operator's and win; one with which the component would not start raises CloudError.
    """
    release = parse(version)
    for flag in extra or {}:
        _check(str(flag), component, version, release)
    return [f"--{flag}={text}" for flag, value in sorted((options | (extra or {})).items()) for text in _values(flag, value)]


def _check(flag: str, component: str, version: str, release: tuple[int, int]) -> None:
    """Raise CloudError for a flag of the operator that this version of the component would refuse."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", flag):
        raise CloudError(f"{component}: expected a flag without its dashes, found {flag!r}", "Correct the extra arguments.")
    remove = f"Remove {flag} from the extra arguments of {component}."
    first, last = ADDED.get((component, flag), OLDEST), REMOVED.get((component, flag))
    if last or release < first:
        when = f"the last that had it was {text(last)}" if last else f"the first that has it is {text(first)}"
        raise CloudError(f"{component} {version} has no flag --{flag}: {when}", remove)
    option = next((option for beginning, option in CONFIGURED.items() if flag.startswith(beginning)), None)
    if option and component == "kube-apiserver":
        raise CloudError(f"{component}: --{flag} cannot be given beside a configuration file", f"{remove} Use {option} instead.")


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
