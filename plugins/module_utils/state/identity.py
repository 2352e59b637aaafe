# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether hosts and the deployment host's state belong to one cloud. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


@dataclass(frozen=True)
class State:
    """What the state directory on the deployment host holds."""

    id: str = ""
    """Of the cloud, a UUID; empty in a state that was made before clouds had one, or that holds nothing."""
    generation: int = 0
    """How often the content was found changed."""
    digest: str = ""
    """Of the content, at that generation."""
    authorities: Mapping[str, list[str]] = field(default_factory=dict)
    """CA to the SHA-256 of its certificate; while it is replaced, also that of the next or the old one."""
    fsid: str = ""
    """Of the Ceph cluster."""
    secrets: bool = False
    """Whether there is a file of secrets."""

    @property
    def empty(self) -> bool:
        return not (self.id or self.authorities or self.secrets)


@dataclass(frozen=True)
class Host:
    """What a host says about its cloud; all of it empty on a bare one."""

    id: str = ""
    generation: int = 0
    digest: str = ""
    authorities: Mapping[str, list[str]] = field(default_factory=dict)
    """CA to the SHA-256 of each of the certificates by which the host trusts it."""
    fsid: str = ""
    copies: list[str] = field(default_factory=list)
    """File names of the encrypted copies of the state that it keeps."""
    clusters: Mapping[str, list[str]] = field(default_factory=dict)
    """Cluster, such as etcd, to the hosts that carried it when this one was last brought to the state."""

    @property
    def bare(self) -> bool:
        return not (self.id or self.authorities or self.fsid)


@dataclass(frozen=True)
class Problem:
    """Why a run must not go on, and what can be done."""

    message: str
    hint: str


REINSTALL = "Hosts that shall belong to another cloud are reinstalled first: what they carry of the old one is lost then."


def _names(hosts: list[str]) -> str:
    return ", ".join(hosts[:8]) + (f" and {len(hosts) - 8} more" if len(hosts) > 8 else "")


def _grouped(hosts: Mapping[str, Host], key) -> dict:
    """Return hosts by what ``key`` says about them, without those of which it says nothing."""
    result: dict = {}
    for name, host in hosts.items():
        if value := key(host):
            result.setdefault(value, []).append(name)
    return result


def lost_clusters(hosts: Mapping[str, Host], clusters: Mapping[str, Mapping[str, list[str]]], anew: Collection[str]) -> list[Problem]:
    """Return the clusters that would begin empty although the cloud has had them: no host of their group holds data of them.

    ``clusters``: component to its hosts (``hosts``), those with data (``with_data``), those that were not asked (``unasked``).
    ``anew``: components that shall begin empty.
    """
    result = []
    for name, cluster in sorted(clusters.items()):
        former = sorted({host for says in hosts.values() for host in says.clusters.get(name, [])})
        if former and not cluster["with_data"] and not cluster["unasked"] and name not in anew:
            was = f"{name} was on {_names(former)}, and none of the hosts that it is on by the inventory has data of it"
            hint = f"Put a host that has its data back into the group. To begin empty and lose what it held: -e cloud_begin_anew={name}"
            result.append(Problem(f"{was}: {_names(cluster['hosts'])}. It would begin empty", hint))
    return result


def problems(state: State, hosts: Mapping[str, Host], directory: str) -> list[Problem]:
    """Return why hosts and state cannot be of one cloud; nothing when they can. Bare hosts fit to every state.

    ``directory``: where the state is, for the messages.
    """
    restore = f"Restore {directory} from where it is kept (docs/state.md says how). Nothing was changed. {REINSTALL}"
    living = [name for name, host in hosts.items() if not host.bare]
    ids = _grouped(hosts, lambda host: host.id)
    if len(ids) > 1:
        clouds = "; ".join(f"{id_} on {_names(names)}" for id_, names in sorted(ids.items(), key=lambda item: -len(item[1])))
        return [
            Problem(f"The hosts belong to {len(ids)} clouds: {clouds}", f"Take those of the other cloud out of the inventory. {REINSTALL}")
        ]
    if state.empty and living:
        known = f" {next(iter(ids))}" if ids else ""
        return [Problem(f"{directory} holds no state, but these hosts belong to a cloud{known} already: {_names(living)}", restore)]
    if other := [id_ for id_ in ids if state.id and id_ != state.id]:
        where = _names(ids[other[0]])
        return [Problem(f"{directory} is the state of cloud {state.id}, but {where} belong to cloud {other[0]}", restore)]
    return [*_age(state, hosts, directory, restore), *_content(state, hosts, directory, restore)]


def _age(state: State, hosts: Mapping[str, Host], directory: str, restore: str) -> list[Problem]:
    newest = max((host.generation for host in hosts.values()), default=0)
    if newest > state.generation:
        seen = _names([name for name, host in hosts.items() if host.generation == newest])
        return [Problem(f"{directory} has generation {state.generation} of the state; {seen} have seen generation {newest}", restore)]
    same = [n for n, h in hosts.items() if state.generation and h.generation == state.generation and h.digest != state.digest]
    if same:
        what = f"{directory} and {_names(same)} know different contents of generation {state.generation}"
        return [Problem(f"Two copies of the state were changed: {what}", restore)]
    return []


def _content(state: State, hosts: Mapping[str, Host], directory: str, restore: str) -> list[Problem]:
    result = []
    for name in sorted({name for host in hosts.values() for name in host.authorities}):
        trusting = [host for host, says in hosts.items() if name in says.authorities]
        if name not in state.authorities:
            result.append(Problem(f"{directory} lacks CA {name}, which {_names(trusting)} trust", restore))
        elif differing := [host for host in trusting if not set(state.authorities[name]) & set(hosts[host].authorities[name])]:
            result.append(Problem(f"CA {name} in {directory} is not the one that {_names(differing)} trust", restore))
    for fsid, names in _grouped(hosts, lambda host: host.fsid).items():
        if fsid != state.fsid:
            known = f"names Ceph cluster {state.fsid}" if state.fsid else "knows no Ceph cluster"
            result.append(Problem(f"{directory} {known}, but {_names(names)} belong to Ceph cluster {fsid}", restore))
    return result


def demand(
    state: State,
    hosts: Mapping[str, Host],
    directory: str,
    clusters: Mapping[str, Mapping[str, list[str]]] | None = None,
    anew: Collection[str] = (),
) -> None:
    """Raises CloudError with everything that is wrong."""
    if wrong := [*problems(state, hosts, directory), *lost_clusters(hosts, clusters or {}, anew)]:
        raise CloudError(". ".join(problem.message for problem in wrong), wrong[0].hint)
