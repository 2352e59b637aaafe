#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything of one service on one host, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Bring one service of a host to its desired state
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Takes everything that makes up a service on a host (accounts, directories, files, links, kernel settings, systemd units) and brings
    the host there in one call.
  - A unit is restarted when one of the paths in O(units[].restart_on) was modified after the unit's last start. So a change that an
    interrupted run left behind is picked up by the next run, and no handler is needed.
  - Files are replaced atomically. The order is accounts, directories, secret files, files, links, kernel settings, units.
  - systemd reads its unit files again when this call wrote one or when systemd says that it needs to.
attributes:
  check_mode:
    description: Predicts every change, restarts included. Files are not validated in check mode, as what they refer to may not exist yet.
    support: full
  diff_mode:
    description: Shows each file before and after; contents of secret files are hidden.
    support: full
options:
  name:
    description: Name of the service; also names C(/etc/sysctl.d/<name>.conf).
    type: str
    required: true
  users:
    description: System accounts.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Login name.
        type: str
        required: true
      group:
        description: Primary group, created when missing. By default a group of the account's name.
        type: str
      groups:
        description: Supplementary groups to be in. Others are kept.
        type: list
        elements: str
        default: []
      home:
        description: Home directory, not created. C(/nonexistent) for a new account.
        type: str
      shell:
        description: Login shell. C(/usr/sbin/nologin) for a new account.
        type: str
      comment:
        description: Full name.
        type: str
  directories:
    description: Directories. Missing parents are created with mode V(0755) and owner root.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: str
        required: true
      owner:
        description: Owner.
        type: str
        default: root
      group:
        description: Group.
        type: str
        default: root
      mode:
        description: Permissions as an octal string.
        type: str
        default: "0755"
  files:
    description: Files, made in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: str
        required: true
      owner:
        description: Owner.
        type: str
        default: root
      group:
        description: Group.
        type: str
        default: root
      mode:
        description: Permissions as an octal string.
        type: str
        default: "0644"
      content:
        description: Whole content. Needed unless the state is V(absent).
        type: str
      validate:
        description: Command that must accept the new file, C(%s), before it replaces the old one. Runs without a shell.
        type: str
      state:
        description: Whether the file shall exist.
        type: str
        choices: [present, absent]
        default: present
  secret_files:
    description: As O(files), with content that is neither logged nor shown in a diff. Made before O(files).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: str
        required: true
      owner:
        description: Owner.
        type: str
        default: root
      group:
        description: Group.
        type: str
        default: root
      mode:
        description: Permissions as an octal string.
        type: str
        default: "0600"
      content:
        description: Whole content. Needed unless the state is V(absent).
        type: str
      validate:
        description: Command that must accept the new file, C(%s), before it replaces the old one. Runs without a shell.
        type: str
      state:
        description: Whether the file shall exist.
        type: str
        choices: [present, absent]
        default: present
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path of the link.
        type: str
        required: true
      target:
        description: What it points to.
        type: str
        required: true
  sysctl:
    description:
      - Kernel settings, key to value, kept in C(/etc/sysctl.d/<name>.conf) and applied at once.
      - An empty dictionary removes the file; running values stay until the next boot.
    type: dict
  units:
    description: systemd units.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Unit, with C(.service) as default type. Instances of templates work.
        type: str
        required: true
      state:
        description:
          - V(unmanaged) neither starts, stops nor restarts it.
          - V(as_is) neither starts nor stops it, and restarts and reloads it while it runs.
        type: str
        choices: [started, stopped, unmanaged, as_is]
        default: started
      enabled:
        description: Whether it starts at boot. Left alone when not given.
        type: bool
      restart_on:
        description:
          - Paths that the unit reads at its start. It is restarted when one was modified after that.
          - Of a link, the link itself counts.
        type: list
        elements: str
        default: []
      reload_on:
        description: Paths that the unit reads at a reload. It is reloaded when one was modified after its last change of state.
        type: list
        elements: str
        default: []
      check:
        description:
          - Command that succeeds while the unit has its effect, such as C(nft list table inet honeycomb). It must change nothing.
          - When it fails although the unit is running, the unit is restarted. Runs without a shell, also in check mode.
        type: str
      ready:
        description: What must answer after the unit was started, before the call ends.
        type: dict
        suboptions:
          url:
            description: URL that must answer with a status of 200 to 299.
            type: str
          tcp:
            description: V(host:port) that must accept a connection.
            type: str
          ca:
            description: File with the CA of the server's certificate.
            type: path
          cert:
            description: File with the client certificate.
            type: path
          key:
            description: File with the client's key.
            type: path
          server_name:
            description: Name that the server's certificate must carry, where it differs from the URL's host.
            type: str
          timeout:
            description: Seconds to wait.
            type: int
            default: 60
"""

EXAMPLES = r"""
- name: Run etcd
  honeycomb.cloud.service:
    name: etcd
    users:
      - {name: etcd, home: /var/lib/etcd}
    directories:
      - {path: /var/lib/etcd/main, owner: etcd, group: etcd, mode: "0700"}
    files:
      - {path: /etc/systemd/system/etcd@.service, content: "{{ lookup('honeycomb.cloud.template', 'etcd@.service.j2') }}"}
    units:
      - name: etcd@main.service
        state: started
        enabled: true
        restart_on: [/etc/systemd/system/etcd@.service, /etc/honeycomb/pki/etcd.crt]
        ready:
          url: https://10.0.0.11:2379/health
          ca: /etc/honeycomb/pki/ca/etcd.crt
          cert: /etc/honeycomb/pki/etcd.crt
          key: /etc/honeycomb/pki/etcd.key
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each, in order.
  type: list
  elements: str
  returned: always
  sample: ["write /etc/haproxy/haproxy.cfg", "reload haproxy.service"]
rewritten:
  description: Files, directories and links that were written, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: [/etc/haproxy/haproxy.cfg]
started:
  description: Units that were started.
  type: list
  elements: str
  returned: success
  sample: [haproxy.service]
restarted:
  description: Units that were restarted.
  type: list
  elements: str
  returned: success
  sample: []
reloaded:
  description: Units that were reloaded.
  type: list
  elements: str
  returned: success
  sample: [haproxy.service]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.runner import Outcome, converge


def placement(mode: str) -> dict:
    """Return the arguments that say where something is and whose."""
    return {
        "path": {"type": "str", "required": True},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": mode},
    }


def file_list(mode: str, secret: bool) -> dict:
    """Return the argument for a list of files."""
    return {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,  # only the content is secret; censoring "root" and "0600" would censor every message
        "options": {
            **placement(mode),
            "content": {"type": "str", "no_log": secret},
            "validate": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        "required_if": [("state", "present", ("content",))],
    }


READY = {
    "type": "dict",
    "options": {
        "url": {"type": "str"},
        "tcp": {"type": "str"},
        "ca": {"type": "path"},
        "cert": {"type": "path"},
        "key": {"type": "path", "no_log": False},  # a path
        "server_name": {"type": "str"},
        "timeout": {"type": "int", "default": 60},
    },
    "required_one_of": [("url", "tcp")],
    "mutually_exclusive": [("url", "tcp")],
}

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "group": {"type": "str"},
            "groups": {"type": "list", "elements": "str", "default": []},
            "home": {"type": "str"},
            "shell": {"type": "str"},
            "comment": {"type": "str"},
        },
    },
    "directories": {"type": "list", "elements": "dict", "default": [], "options": placement("0755")},
    "files": file_list("0644", secret=False),
    "secret_files": file_list("0600", secret=True),
    "links": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "str", "required": True}, "target": {"type": "str", "required": True}},
    },
    "sysctl": {"type": "dict"},
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "unmanaged", "as_is"], "default": "started"},
            "enabled": {"type": "bool"},
            "restart_on": {"type": "list", "elements": "str", "default": []},
            "reload_on": {"type": "list", "elements": "str", "default": []},
            "check": {"type": "str"},
            "ready": READY,
        },
    },
}


class Module(AnsibleModule):
    """A module that does not write its arguments into the host's journal.

    Ansible hides secrets there by looking for their text, and does not find one with several lines, whose newlines are escaped by then.
    """

    def _log_invocation(self) -> None:
        self.log("Invoked for " + self.params["name"])


def main() -> None:
    """Run the module."""
    module = Module(argument_spec=ARGUMENTS, supports_check_mode=True)
    outcome = Outcome()
    try:
        converge(module.params, outcome, module.check_mode, module._diff)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, **outcome.result())
    module.exit_json(**outcome.result())


if __name__ == "__main__":
    main()
