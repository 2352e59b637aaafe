"""Makes ``ansible_collections.honeycomb.cloud`` importable from this checkout."""

from __future__ import annotations

from pathlib import Path

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

REPOSITORY = Path(__file__).resolve().parents[2]

_AnsibleCollectionFinder(paths=[str(REPOSITORY / "collections")])._install()
