# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client of one etcd member: the v3 API by its JSON gateway, with mutual TLS. Needs nothing but Python's own library."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# Answers of an election that passes by (api/v3rpc/rpctypes). What was asked may have been done, so every call here may be repeated.
ELECTION = ("leader changed", "no leader")
# An election begins after one to two election timeouts (2.5 s by the role's defaults) without a leader, and may have to be repeated.
ELECTION_SECONDS = 15.0


class Unreachable(CloudError):
    """No answer: nobody listens, the connection broke, or TLS was refused."""


class Refused(CloudError):
    """The member answered with an error; ``message`` is its own."""


@dataclass(frozen=True)
class Identity:
    """Whom to trust and who we are; paths of PEM files. Without certificate the client is anonymous."""

    ca: str
    certificate: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return a TLS context. Raises CloudError when a file cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise CloudError(
                f"etcd's certificates cannot be read ({self.ca}, {self.certificate}): {error}",
                "Run the layer pki: playbooks/layers/pki.yml",
            ) from error
        return context


def encode(text: str | bytes) -> str:
    """Return a key or value as the gateway wants it."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def decode(text: str) -> bytes:
    """Return a key or value from the gateway's form."""
    return base64.b64decode(text)


def prefix_end(prefix: str) -> str:
    """Return the end of the range of all keys that start with ``prefix``."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Member:
    """A connection to one member. Counts, ids and revisions are ints; times out after ``timeout`` seconds without an answer."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext, timeout: float = 5.0):
        self.url = f"https://{address}:{port}"
        self._connection = http.client.HTTPSConnection(address, port, context=context, timeout=timeout)

    def __enter__(self) -> Member:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, path: str, body: dict | None = None) -> dict:
        """Call one method, again while an election passes by. Raises Unreachable without an answer and Refused on an error answer."""
        end = time.monotonic() + ELECTION_SECONDS
        while True:
            try:
                return self._call(path, body)
            except Refused as error:
                if not any(word in error.message for word in ELECTION) or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def _call(self, path: str, body: dict | None) -> dict:
        try:
            self._connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
            answer = self._connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(f"{self.url}: {error or type(error).__name__}") from error
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = {"message": text.strip()[:200]}
        if answer.status != http.client.OK:
            reason = parsed.get("message") or parsed.get("error") or parsed.get("reason") or text.strip()[:200]
            raise Refused(f"{self.url}: {reason} (HTTP {answer.status})")
        return parsed

    def healthy(self) -> tuple[bool, str]:
        """Ask for a linearizable read, which needs a quorum; returns (healthy, why not)."""
        try:
            answer = self._call("/health", None)
        except CloudError as error:
            return False, error.message
        return answer.get("health") == "true", answer.get("reason", "")

    def status(self) -> dict:
        """Return version, db_size and db_size_in_use (bytes), leader and member_id (hexadecimal), learner and errors."""
        answer = self.call("/v3/maintenance/status", {})
        return {
            "version": answer["version"],
            "db_size": int(answer.get("dbSize", 0)),
            "db_size_in_use": int(answer.get("dbSizeInUse", 0)),
            "leader": f"{int(answer.get('leader', 0)):x}",
            "member_id": f"{int(answer['header']['member_id']):x}",
            "raft_index": int(answer.get("raftIndex", 0)),
            "raft_applied_index": int(answer.get("raftAppliedIndex", 0)),
            "learner": bool(answer.get("isLearner", False)),
            "errors": answer.get("errors", []),
        }

    def alarms(self) -> list[str]:
        """Return the active alarms, such as ``NOSPACE on 8e9e05c52164694d``."""
        answer = self.call("/v3/maintenance/alarm", {"action": "GET"})
        return [f"{alarm['alarm']} on {int(alarm['memberID']):x}" for alarm in answer.get("alarms", [])]

    def defragment(self) -> None:
        """Give unused space back to the file system; the member answers nobody meanwhile."""
        self.call("/v3/maintenance/defragment", {})

    def members(self, linearizable: bool = True) -> list[dict]:
        """Return all members: id (hexadecimal), name ("" until it has started), peer_urls, client_urls, learner.

        What is not ``linearizable`` is this member's own knowledge, and needs no quorum.
        """
        answer = self.call("/v3/cluster/member/list", {"linearizable": linearizable})
        return [
            {
                "id": f"{int(member['ID']):x}",
                "name": member.get("name", ""),
                "peer_urls": member.get("peerURLs", []),
                "client_urls": member.get("clientURLs", []),
                "learner": bool(member.get("isLearner", False)),
            }
            for member in answer["members"]
        ]

    def member_add(self, peer_url: str) -> str:
        """Add a learner, which has no vote yet; returns its id."""
        try:
            return f"{int(self.call('/v3/cluster/member/add', {'peerURLs': [peer_url], 'isLearner': True})['member']['ID']):x}"
        except Refused as error:
            if "Peer URLs already exists" not in error.message:
                raise
            return next(member["id"] for member in self.members() if peer_url in member["peer_urls"])

    def member_remove(self, member_id: str) -> None:
        """Remove a member; one that is gone is no error."""
        try:
            self.call("/v3/cluster/member/remove", {"ID": str(int(member_id, 16))})
        except Refused as error:
            if "member not found" not in error.message:
                raise

    def member_promote(self, member_id: str) -> None:
        """Give a learner its vote. Raises Refused while it has not caught up."""
        self.call("/v3/cluster/member/promote", {"ID": str(int(member_id, 16))})

    def count(self, prefix: str, serializable: bool = False) -> int:
        """Return how many keys start with ``prefix``; ``serializable`` asks this member alone and needs no quorum."""
        answer = self.call(
            "/v3/kv/range",
            {"key": encode(prefix), "range_end": encode(prefix_end(prefix)), "count_only": True, "serializable": serializable},
        )
        return int(answer.get("count", 0))

    def keys(self, prefix: str, limit: int = 1000) -> list[str]:
        """Return the first keys that start with ``prefix``."""
        answer = self.call(
            "/v3/kv/range", {"key": encode(prefix), "range_end": encode(prefix_end(prefix)), "keys_only": True, "limit": str(limit)}
        )
        return [decode(pair["key"]).decode(errors="replace") for pair in answer.get("kvs", [])]

    def values(self, prefix: str, page: int = 200) -> Iterator[tuple[str, bytes]]:
        """Return keys that start with ``prefix`` and their values, asked for in pages."""
        start, end = prefix, encode(prefix_end(prefix))
        while True:
            answer = self.call("/v3/kv/range", {"key": encode(start), "range_end": end, "limit": str(page)})
            for pair in answer.get("kvs", []):
                start = decode(pair["key"]).decode(errors="surrogateescape")
                yield start, decode(pair.get("value", ""))
            if not answer.get("more"):
                return
            start += "\0"

    def get(self, key: str) -> bytes | None:
        """Return a value; None when there is no such key."""
        pairs = self.call("/v3/kv/range", {"key": encode(key)}).get("kvs", [])
        return decode(pairs[0].get("value", "")) if pairs else None

    def put(self, key: str, value: str | bytes) -> None:
        """Write a value."""
        self.call("/v3/kv/put", {"key": encode(key), "value": encode(value)})

    def delete(self, key: str) -> None:
        """Delete a key; a missing one is no error."""
        self.call("/v3/kv/deleterange", {"key": encode(key)})
