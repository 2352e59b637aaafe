#!/usr/bin/env python3
"""`make tables`: writes the tables that follow from declarations, mostly of components, into the documentation, between their markers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(<!-- components: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def components() -> dict[str, dict]:
    """Returns what each role declares, by the role's name."""
    return {path.parents[1].name: yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "roles").glob("*/meta/component.yml"))}


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    return "".join(f"| {' | '.join(str(cell) for cell in row)} |\n" for row in [titles, ["---"] * len(titles), *rows])


def groups() -> str:
    """What runs where: each component with the groups of its hosts, where the lab places them, and its page."""
    rows = []
    for name, one in components().items():
        found = one.get("groups") or {}
        placed = [group for options in found.values() for group in (options or {}).get("placement", [])]
        page = one["documentation"].removeprefix("docs/")
        needed = any((options or {}).get("required") for options in found.values())
        title = f"{one['title']} (`{name}`)"
        rows.append([title, ", ".join(f"`{group}`" for group in found), ", ".join(placed), "yes" if needed else "", f"[{page}]({page})"])
    return table(["component (role)", "groups", "placed by the lab on", "required", "page"], rows)


def versions() -> str:
    """What was tested and what is supported of each program."""
    rows = [
        [one["name"], one["tested"], one["supported"], one["source"]]
        for part in components().values()
        for one in part.get("versions") or []
    ]
    return table(["component", "tested", "supported", "where it comes from"], sorted(rows, key=lambda row: row[0].lower()))


def cas() -> str:
    """Whom each CA vouches for."""
    signed: dict[str, list[str]] = {}
    trusted: dict[str, list[str]] = {}
    for one in components().values():
        for certificate in [*(one.get("certificates") or []), *(one.get("deployment_host_certificates") or [])]:
            signed.setdefault(certificate["ca"], []).append(f"`{certificate['name']}` ({one['title']})")
        for name in one.get("trust") or []:
            trusted.setdefault(name, []).append(one["title"])
    rows = [[f"`{name}`", ", ".join(found), ", ".join(trusted.get(name, []))] for name, found in sorted(signed.items())]
    return table(["CA", "certificates that it signs", "trusted besides by"], rows)


def templates() -> str:
    """Job templates of AWX: the flow of each, and what its survey asks."""
    flows = yaml.safe_load((REPOSITORY / "awx/vars/templates.yml").read_text())["awx_templates"]
    arguments = yaml.safe_load((REPOSITORY / "meta/flow_arguments.yml").read_text())["flow_arguments"]
    rows = [
        [
            one["name"],
            f"`playbooks/{flow}.yml`",
            ", ".join(f"{name} (required)" if spec.get("required") else name for name, spec in arguments.get(flow, {}).items()),
            ", ".join(asked for asked in ("check", "limit") if one.get(asked)),
        ]
        for flow, one in flows.items()
    ]
    return table(["job template", "flow", "its survey", "asks at the start for"], rows)


TABLES = {"groups": groups, "versions": versions, "cas": cas, "templates": templates}


def written(text: str) -> str:
    """Returns a page with its tables as the components have them."""
    return BLOCK.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}{match[3]}", text)


def pages() -> list[Path]:
    """Returns the pages that have such tables."""
    return [page for page in sorted((REPOSITORY / "docs").rglob("*.md")) if BLOCK.search(page.read_text())]


if __name__ == "__main__":
    for page in pages():
        page.write_text(written(page.read_text()))
        sys.stdout.write(f"{page.relative_to(REPOSITORY)}\n")
