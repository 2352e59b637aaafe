# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages as the code reads them, without the classes that protoc makes."""

from __future__ import annotations

from types import SimpleNamespace


class Message(SimpleNamespace):
    """A message; a field that was not given is None."""

    def HasField(self, name):
        return getattr(self, name) is not None

    def WhichOneof(self, group):
        return next(
            (name for name in {"access_type": ("block", "mount"), "type": ("snapshot", "volume")}[group] if getattr(self, name)), None
        )


def capability(mode=1, block=False, kind="", flags=()):
    mount = None if block else Message(fs_type=kind, mount_flags=list(flags))
    return Message(block=Message() if block else None, mount=mount, access_mode=Message(mode=mode))


class Answer:
    """A message that is written: a field that is not there yet is another message, or a list where something is added to it."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.__dict__[name] = Answer()
        return self.__dict__[name]

    def __call__(self, **fields):
        return Answer(**fields)

    def extend(self, values):
        self.items = list(values)

    def FromDatetime(self, moment):
        self.moment = moment


def request(**fields):
    """Return a request with the fields that the calls read and that are not given empty."""
    empty = {"max_entries": 0, "starting_token": "", "snapshot_id": "", "source_volume_id": "", "node_id": "", "mutable_parameters": {}}
    empty |= {"accessibility_requirements": Message(requisite=[]), "volume_content_source": Message(snapshot=None, volume=None)}
    empty |= {"capacity_range": Message(required_bytes=0, limit_bytes=0), "parameters": {"pool": "disks", "namespace": "red"}}
    empty |= {"volume_capabilities": [capability()], "volume_capability": capability()}
    return Message(**{**empty, **fields})
