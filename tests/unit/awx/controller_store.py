# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A store that speaks the conventions of AWX's REST API, as far as the modules of awx.awx use them. No AWX: it runs no job.

What AWX (of October 2024) refuses is refused here too where awx/configure.yml could do it; ``Store.check_*`` name the part of AWX.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

ENCRYPTED = "$encrypted$"
# Resource -> the resources that its fields name.
REFERENCES = {
    "organizations": {},
    "credential_types": {},
    "credentials": {"organization": "organizations", "credential_type": "credential_types"},
    "execution_environments": {"organization": "organizations", "credential": "credentials"},
    "projects": {"organization": "organizations", "credential": "credentials"},
    "inventories": {"organization": "organizations"},
    "inventory_sources": {
        "inventory": "inventories",
        "source_project": "projects",
        "credential": "credentials",
        "execution_environment": "execution_environments",
    },
    "notification_templates": {"organization": "organizations"},
    "job_templates": {"inventory": "inventories", "project": "projects", "execution_environment": "execution_environments"},
    "workflow_job_templates": {"organization": "organizations"},
    "workflow_job_template_nodes": {"workflow_job_template": "workflow_job_templates", "unified_job_template": "unified_job_templates"},
    "schedules": {"unified_job_template": "unified_job_templates"},
}
UNIFIED = ("job_templates", "projects", "inventory_sources", "workflow_job_templates")
NOTIFIED = {f"notification_templates_{when}": "notification_templates" for when in ("started", "success", "error", "approvals")}
# Resource -> its lists -> what they list.
LISTS = {
    "job_templates": {"credentials": "credentials", **NOTIFIED},
    "workflow_job_templates": NOTIFIED,
    "workflow_job_template_nodes": {f"{when}_nodes": "workflow_job_template_nodes" for when in ("success", "failure", "always")},
}
BUILT_IN = {
    "Machine": ("ssh", ["username", "password", "ssh_key_data", "ssh_key_unlock", "become_method", "become_username", "become_password"]),
    "Vault": ("vault", ["vault_password", "vault_id"]),
}
SECRET = {"password", "ssh_key_data", "ssh_key_unlock", "become_password", "vault_password"}
QUESTIONS = dict.fromkeys(("text", "textarea", "password", "multiplechoice"), str)
QUESTIONS |= {"integer": int, "float": float, "multiselect": (str, list)}
RRULE = re.compile(r"DTSTART(;TZID=[\w/]+:\d{8}T\d{6}|:\d{8}T\d{6}Z) RRULE:FREQ=(MINUTE|HOUR|DAI|WEEK|MONTH)LY;\S*INTERVAL=\d+\S*")


class Refusal(Exception):
    """What the API answers with status 400."""


def playbooks(project: Path) -> set[str]:
    """The files that AWX takes for playbooks of a project (awx/main/utils/ansible.py)."""
    line = re.compile(r"^[\s-]*(hosts|(ansible\.builtin\.)?(include|import_playbook)):", re.MULTILINE)
    paths = [path.relative_to(project) for path in [*project.glob("*.yml"), *project.glob("playbooks/**/*.yml")]]
    return {str(path) for path in paths if not {"roles", "tasks"} & set(path.parts) and line.search((project / path).read_text())}


class Store:
    """The objects. ``writes`` are the requests that changed one, in order."""

    def __init__(self, project: Path):
        self.ids = count(1)
        self.items: dict[str, dict[int, dict[str, Any]]] = {resource: {} for resource in REFERENCES}
        self.lists: dict[tuple[int, str], list[int]] = {}
        self.surveys: dict[int, dict] = {}
        self.inputs: dict[int, dict] = {}
        self.writes: list[str] = []
        self.fetched: list[str] = []
        self.playbooks = playbooks(project)
        for name, (kind, fields) in BUILT_IN.items():
            inputs = {"fields": [{"id": field, "label": field, "type": "string"} for field in fields]}
            self._add("credential_types", {"name": name, "kind": kind, "managed": True, "inputs": inputs, "injectors": {}})
        self.writes.clear()

    def named(self, resource: str, name: str) -> dict[str, Any]:
        """Return the one object of a name."""
        (found,) = [one for one in self.items[resource].values() if name in (one.get("name"), one.get("identifier"))]
        return found

    def listed(self, item: dict[str, Any], name: str) -> list[str]:
        """Return the names of what an object lists."""
        resource = next(lists[name] for lists in LISTS.values() if name in lists)
        found = [self.items[resource][number] for number in self.lists.get((item["id"], name), [])]
        return [one.get("name") or one["identifier"] for one in found]

    def all(self, resource: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a resource; of ``unified_job_templates`` those of all that can be started."""
        for name in UNIFIED if resource == "unified_job_templates" else [resource]:
            yield from self.items[name].values()

    def search(self, resource: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return what matches every condition of a query, and any of those that begin with ``or__``."""

        def matches(item: dict[str, Any], field: str, value: str) -> bool:
            if field not in ("id", "name", "identifier", "organization", "inventory", "credential_type", *REFERENCES[item["resource"]]):
                raise Refusal({"detail": f"{resource} has no field {field}"})
            return str(item.get(field)) == value

        either = {field.removeprefix("or__"): value for field, value in query.items() if field.startswith("or__")}
        both = {field: value for field, value in query.items() if not field.startswith("or__")}
        return [
            item
            for item in self.all(resource)
            if all(matches(item, *one) for one in both.items()) and (not either or any(matches(item, *one) for one in either.items()))
        ]

    def create(self, resource: str, data: dict[str, Any]) -> dict[str, Any]:
        """Make an object. Raises Refusal."""
        same = [one for one in self.items[resource].values() if "name" in data and one.get("name") == data["name"]]
        if [one for one in same if one.get("organization") == data.get("organization", one.get("organization"))]:
            raise Refusal({"__all__": [f"{resource} with this name already exists"]})
        self.check(resource, data)
        return self._add(resource, data)

    def _add(self, resource: str, data: dict[str, Any]) -> dict[str, Any]:
        number = next(self.ids)
        url = f"/api/v2/{resource}/{number}/"
        item = {"id": number, "type": resource.rstrip("s"), "resource": resource, "url": url, "summary_fields": {}, **data}
        item["related"] = {name: f"{url}{name}/" for name in [*LISTS.get(resource, {}), "survey_spec", "update"]}
        # AWX takes the organisation from the project or the inventory (awx/main/models/unified_jobs.py).
        for field, owner in (("project", "projects"), ("inventory", "inventories")):
            if item.get(field) and resource in ("job_templates", "inventory_sources"):
                item["organization"] = self.items[owner][item[field]]["organization"]
                break
        if resource == "credentials":
            self.inputs[number] = dict(data.get("inputs", {}))
        if resource == "projects":
            item["scm_revision"] = ""
        self.items[resource][number] = item
        self.writes.append(f"POST {resource} {data.get('name') or data.get('identifier')}")
        return item

    def change(self, item: dict[str, Any], data: dict[str, Any]) -> None:
        """Change an object. Raises Refusal."""
        self.check(item["resource"], {**item, **data})
        if item["resource"] == "credentials":
            given = {name: value for name, value in data.get("inputs", {}).items() if value != ENCRYPTED}
            self.inputs[item["id"]] |= given
        item.update(data)
        self.writes.append(f"PATCH {item['resource']} {item.get('name') or item.get('identifier')} {sorted(data)}")

    def check(self, resource: str, data: dict[str, Any]) -> None:
        """Refuse what names an object that is not there, and what AWX refuses of this resource."""
        for field, target in REFERENCES[resource].items():
            if data.get(field) is not None and data[field] not in {one["id"] for one in self.all(target)}:
                raise Refusal({field: [f"{data[field]} is none of {target}"]})
        getattr(self, f"check_{resource}", lambda data: None)(data)

    def check_credential_types(self, data: dict[str, Any]) -> None:
        """awx/main/fields.py: no setting of Ansible's by the environment; every template in an injector names a field."""
        fields = {field["id"]: "example" for field in data["inputs"]["fields"]}
        injectors = data.get("injectors", {})
        if any(name.startswith("ANSIBLE_") for name in injectors.get("env", {})):
            raise Refusal({"injectors": ["its use is not allowed in credentials"]})
        for template in [*injectors.get("env", {}).values(), *injectors.get("extra_vars", {}).values()]:
            try:
                ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(template).render(fields)
            except UndefinedError as error:
                raise Refusal({"injectors": [str(error)]}) from error
        for field in data["inputs"]["fields"]:
            field.setdefault("type", "string")

    def check_credentials(self, data: dict[str, Any]) -> None:
        """awx/main/fields.py: inputs are fields of the type."""
        kind = self.items["credential_types"][data["credential_type"]]
        others = set(data.get("inputs", {})) - {field["id"] for field in kind["inputs"]["fields"]}
        if others:
            raise Refusal({"inputs": [f"{sorted(others)} is not a field of {kind['name']}"]})

    def check_inventory_sources(self, data: dict[str, Any]) -> None:
        """awx/main/models/inventory.py: no vault password for what comes from a project; awx/api/serializers.py: a project."""
        if data["source"] != "scm" or not data.get("source_project"):
            raise Refusal({"source_project": ["Project required for scm type sources."]})
        if data.get("credential"):
            kind = self.items["credential_types"][self.items["credentials"][data["credential"]]["credential_type"]]["kind"]
            if kind == "vault":
                raise Refusal({"credential": ["vault is disallowed for scm inventory sources"]})

    def check_job_templates(self, data: dict[str, Any]) -> None:
        """awx/api/serializers.py: a playbook that the project has, which is known once it was fetched."""
        project = self.items["projects"][data["project"]]
        if not project["scm_revision"] or data["playbook"] not in self.playbooks:
            raise Refusal({"playbook": [f"Playbook not found for project: {data['playbook']}"]})
        json.loads(data["extra_vars"])

    def check_schedules(self, data: dict[str, Any]) -> None:
        """awx/api/serializers.py: a first time with its zone, one rule, and answers only to what is asked for."""
        if not RRULE.fullmatch(data["rrule"]):
            raise Refusal({"rrule": [data["rrule"]]})
        asked = {one["variable"] for one in self.surveys.get(data["unified_job_template"], {}).get("spec", [])}
        if set(data.get("extra_data", {})) - asked:
            raise Refusal({"extra_data": [f"{sorted(set(data['extra_data']) - asked)} not allowed on launch"]})

    def survey(self, number: int, survey: dict[str, Any]) -> None:
        """Keep a survey (awx/api/views: JobTemplateSurveySpec). Raises Refusal."""
        if not all(isinstance(survey.get(name), kind) for name, kind in (("name", str), ("description", str), ("spec", list))):
            raise Refusal({"error": "expected name, description and spec"})
        if not survey["spec"] or len({one.get("variable") for one in survey["spec"]}) < len(survey["spec"]):
            raise Refusal({"error": "no question, or two for one variable"})
        for one in survey["spec"]:
            kinds = {"type": str, "question_name": str, "variable": str, "required": bool}
            if not all(isinstance(one.get(name), kind) for name, kind in kinds.items()):
                raise Refusal({"error": f"a question lacks something: {one}"})
            if one["type"] not in QUESTIONS:
                raise Refusal({"error": f"{one['type']} is no type of a question"})
            if one.get("default", "") != "" and not isinstance(one["default"], QUESTIONS[one["type"]]):
                raise Refusal({"error": f"the default of {one['variable']} has another type"})
            if any(one.get(name) is not None and not isinstance(one[name], int) for name in ("min", "max")):
                raise Refusal({"error": f"a limit of {one['variable']} is no number"})
            if one["type"].startswith("multi"):
                defaults = one.get("default", "")
                defaults = defaults.splitlines() if isinstance(defaults, str) else defaults
                if not one.get("choices") or set(defaults) - set(one["choices"]):
                    raise Refusal({"error": f"{one['variable']} has no choices, or a default that is none of them"})
        self.surveys[number] = survey
        self.writes.append(f"POST survey_spec {number}")

    def associate(self, item: dict[str, Any], name: str, data: dict[str, Any]) -> None:
        """Put an object into a list of another, or take it out. Raises Refusal."""
        target = LISTS[item["resource"]][name]
        listed = self.lists.setdefault((item["id"], name), [])
        other = self.items[target][data["id"]]
        if data.get("disassociate"):
            listed.remove(other["id"])
        else:
            # awx/main/models/credential.py: one credential of a type, of Vault one for each id.
            if name == "credentials" and other["credential_type"] in [self.items[target][one]["credential_type"] for one in listed]:
                raise Refusal({"error": "Cannot assign multiple credentials of one type."})
            if name.endswith("_nodes") and other["workflow_job_template"] != item["workflow_job_template"]:
                raise Refusal({"Error": "of another workflow"})
            listed.append(other["id"])
        self.writes.append(f"POST {name} of {item.get('name') or item.get('identifier')}")

    def fetch(self, item: dict[str, Any]) -> dict[str, Any]:
        """Update a project, at once."""
        item["scm_revision"] = "0123456789abcdef"
        self.fetched.append(item["name"])
        ended = {"status": "successful", "finished": "2026-01-01T00:00:00Z", "failed": False}
        return {"id": item["id"], "scm_revision": item["scm_revision"], **ended}

    def shown(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return an object as the API shows it: no secret."""
        if item["resource"] != "credentials":
            return item
        kind = self.items["credential_types"][item["credential_type"]]
        secret = SECRET | {field["id"] for field in kind["inputs"]["fields"] if field.get("secret")}
        return item | {"inputs": {name: ENCRYPTED if name in secret else value for name, value in self.inputs[item["id"]].items()}}


class Handler(BaseHTTPRequestHandler):
    """The API below /api/v2/."""

    store: Store
    token: str

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: Any = None) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _handle(self, perform: Callable[[list[str], dict[str, str], dict], tuple[int, Any]]) -> None:
        url = urlparse(self.path)
        data = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self._answer(401, {"detail": "Authentication credentials were not provided."})
        try:
            query = {name: value for name, (value,) in parse_qs(url.query, keep_blank_values=True).items()}
            return self._answer(*perform(url.path.removeprefix("/api/v2/").strip("/").split("/"), query, data))
        except Refusal as refusal:
            return self._answer(400, refusal.args[0])
        except (KeyError, ValueError):
            return self._answer(404, {"detail": "Not found."})

    def do_GET(self) -> None:
        def perform(path: list[str], query: dict[str, str], _data: dict) -> tuple[int, Any]:
            if len(path) == 1:
                found = [self.store.shown(one) for one in self.store.search(path[0], query)]
                return 200, {"count": len(found), "next": None, "results": found}
            resource, number = path[0], int(path[1])
            if resource == "project_updates":
                return 200, self.store.fetch(self.store.items["projects"][number])
            item = self.store.items[resource][number]
            if len(path) == 2:
                return 200, self.store.shown(item)
            if path[2] == "survey_spec":
                return 200, self.store.surveys.get(number, {})
            found = [self.store.items[LISTS[resource][path[2]]][one] for one in self.store.lists.get((number, path[2]), [])]
            return 200, {"count": len(found), "next": None, "results": found}

        self._handle(perform)

    def do_POST(self) -> None:
        def perform(path: list[str], _query: dict[str, str], data: dict) -> tuple[int, Any]:
            if len(path) == 1:
                item = self.store.create(path[0], data)
                # A new project is fetched at once; the answer names the update that is under way.
                under_way = {"summary_fields": {"current_update": {"id": item["id"]}}} if path[0] == "projects" else {}
                return 201, self.store.shown(item) | under_way
            item = self.store.items[path[0]][int(path[1])]
            if path[2] == "survey_spec":
                self.store.survey(item["id"], data)
                return 200, {}
            if path[2] == "update":
                return 202, {"id": item["id"], "url": f"/api/v2/project_updates/{item['id']}/"}
            self.store.associate(item, path[2], data)
            return 204, None

        self._handle(perform)

    def do_PATCH(self) -> None:
        def perform(path: list[str], _query: dict[str, str], data: dict) -> tuple[int, Any]:
            item = self.store.items[path[0]][int(path[1])]
            self.store.change(item, data)
            return 200, self.store.shown(item)

        self._handle(perform)

    def do_DELETE(self) -> None:
        def perform(path: list[str], _query: dict[str, str], _data: dict) -> tuple[int, Any]:
            if path[2:] != ["survey_spec"]:
                raise ValueError
            self.store.surveys.pop(int(path[1]), None)
            self.store.writes.append(f"DELETE survey_spec {path[1]}")
            return 200, {}

        self._handle(perform)


def serve(store: Store, token: str) -> ThreadingHTTPServer:
    """Serve a store on a free port of loopback until ``shutdown`` is called."""
    handler = type("StoreHandler", (Handler,), {"store": store, "token": token})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
