# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs from Go modules: what decides the name of a build, what comes out, what a failed one leaves. The compiler is the real one."""

from __future__ import annotations

import collections
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts import go_build
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import checksum
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

ROLE = Path(__file__).resolve().parents[3] / "roles/go_programs"
COMPILER = shutil.which("go") or shutil.which("go", path=":".join(go_build.PLACES))
needs_go = pytest.mark.skipif(not COMPILER, reason="there is no Go compiler on this machine")


@pytest.fixture
def program(tmp_path):
    """A program of one file, in a module that lies on this machine."""
    code = tmp_path / "hello"
    code.mkdir()
    (code / "go.mod").write_text("module example.net/hello\n\ngo 1.21\n")
    (code / "main.go").write_text('package main\n\nvar version = "none"\n\nfunc main() { println("hello", version) }\n')
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text(
        f"module hello\n\ngo 1.24\n\nrequire example.net/hello v1.2.3\n\ntool example.net/hello\n\nreplace example.net/hello => {code}\n"
    )
    (source / "go.sum").write_text("")
    return go_build.Program("hello", "1.2.3", "example.net/hello", source, linker_values=(("main.version", "v1.2.3"),))


@pytest.fixture
def base(tmp_path):
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def build(base, tmp_path):
    def run(wanted):
        work = tmp_path / "cache/.build-1"
        work.mkdir()
        with (base / ".lock").open("w") as lock:
            try:
                go_build.build(wanted, base, work, lock.fileno())
            finally:
                shutil.rmtree(work)

    return run


def test_every_input_decides_the_name(program):
    names = [program.folder, replace(program, tags=("a",)).folder, replace(program, linker_values=()).folder]
    for file in ("go.mod", "go.sum"):
        with (program.source / file).open("a") as text:
            text.write("\n")
        names.append(program.folder)
    assert len(set(names)) == 5
    assert all(name.startswith("hello-1.2.3-") for name in names)


@needs_go
def test_a_build_leaves_programs_and_their_manifest(base, build, program):
    build(program)
    built = base / program.folder
    assert subprocess.run([built / "hello"], capture_output=True, text=True, check=True).stderr == "hello v1.2.3\n"
    entry = {"version": "1.2.3", "url": (built / "hello").as_uri(), "sha256": checksum(built / "hello")}
    assert json.loads(go_build.whole_manifest(base, [program])) == {"hello": entry}
    assert {path.name for path in base.iterdir()} == {".lock", "hello.log", program.folder}


@needs_go
def test_tests_of_a_package_become_a_program(base, build, program, tmp_path):
    code = 'package main\n\nimport "testing"\n\nfunc TestHello(t *testing.T) { println("tested", version) }\n'
    (tmp_path / "hello/main_test.go").write_text(code)
    values = (("example.net/hello.version", "v1.2.3"),)  # in its tests a program is a package like any other
    wanted = replace(program, tests=(("hello.test", "example.net/hello"),), linker_values=values)
    assert wanted.folder != program.folder
    build(wanted)
    done = subprocess.run([base / wanted.folder / "hello.test"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("PASS\n", "tested v1.2.3\n")
    entries = json.loads((base / wanted.folder / "manifest.json").read_text())
    assert {name: entry["version"] for name, entry in entries.items()} == {"hello": "1.2.3", "hello.test": "1.2.3"}


@needs_go
def test_files_of_modules_are_taken_as_they_are(base, build, program, monkeypatch, tmp_path):
    """The interface definition of a module, without a program beside it."""
    (program.source / "go.mod").write_text("module text\n\ngo 1.24\n\nrequire example.net/hello v1.2.3\n")
    (program.source / "go.sum").write_text("example.net/hello v1.2.3 h1:sum=\n")
    (tmp_path / "hello/hello.proto").write_text("syntax\n")
    monkeypatch.setattr(go_build, "module_folder", lambda go, module, work, environment: (tmp_path / module.rpartition("/")[2], "1.2.3"))
    wanted = replace(program, files=(("hi.proto", "example.net/hello", "hello.proto"),))
    assert wanted.folder != program.folder
    build(wanted)
    assert (base / wanted.folder / "hi.proto").read_text() == "syntax\n"
    entries = json.loads((base / wanted.folder / "manifest.json").read_text())
    assert {name: entry["version"] for name, entry in entries.items()} == {"hi.proto": "1.2.3"}


def test_each_program_has_the_version_of_its_module():
    text = """module several

go 1.26.0

require (
\texample.net/one v1.2.3 // indirect
\texample.net/two/v8 v8.6.0 // indirect
\texample.net/one/part v0.1.0 // indirect
)

tool (
\texample.net/one/cmd/first
\texample.net/one/part/cmd/second
)

tool example.net/two/v8/cmd/third

tool example.net/two/v8

replace example.net/two/v8 => example.net/two/v8 v8.6.0
"""
    assert go_build.program_versions(text) == {"first": "1.2.3", "second": "0.1.0", "third": "8.6.0", "two": "8.6.0"}


@needs_go
@pytest.mark.parametrize(("line", "wrong"), [("example.net/hello v1.2.3 h1:other=", "lacks the line"), ("", "lacks the line")])
def test_a_module_that_is_not_the_one_of_go_sum_is_refused(monkeypatch, tmp_path, line, wrong):
    (tmp_path / "go.sum").write_text(f"{line}\n")
    said = json.dumps({"Path": "example.net/hello", "Version": "v1.2.3", "Sum": "h1:sum=", "Dir": "/nowhere"})
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_options: subprocess.CompletedProcess([], 0, said, ""))
    with pytest.raises(CloudError, match=wrong):
        go_build.module_folder("go", "example.net/hello", tmp_path, {})


@needs_go
def test_a_failed_build_shows_the_logs_end_and_leaves_nothing_to_take_for_whole(base, build, program, tmp_path):
    (tmp_path / "hello/main.go").write_text("package main\n\nfunc main() { missing() }\n")
    with pytest.raises(CloudError, match=r"build of hello failed(.|\n)*undefined: missing") as failed:
        build(program)
    assert str(base / "hello.log") in failed.value.hint
    assert not (base / program.folder).exists()


@needs_go
def test_a_dependency_without_its_checksum_stops_the_build(build, program, tmp_path):
    (tmp_path / "hello/main.go").write_text('package main\n\nimport _ "golang.org/x/text/language"\n\nfunc main() {}\n')
    for file in (tmp_path / "hello/go.mod", program.source / "go.mod"):
        file.write_text(file.read_text() + "\nrequire golang.org/x/text v0.30.0\n")
    with pytest.raises(CloudError, match=r"missing go\.sum entry"):
        build(program)


@pytest.mark.parametrize(("version", "module"), [("1.2.4", "example.net/hello"), ("1.2.3", "example.net/other")])
def test_another_version_or_module_than_that_of_go_mod_is_refused(build, program, version, module):
    with pytest.raises(CloudError, match=f"does not require {module} v{version}"):
        build(replace(program, version=version, module=module))


def test_a_go_mod_without_programs_is_refused(build, program):
    text = (program.source / "go.mod").read_text()
    (program.source / "go.mod").write_text(text.replace("tool example.net/hello", ""))
    with pytest.raises(CloudError, match="names no program"):
        build(program)


@needs_go
def test_too_little_room_is_refused_before_anything_runs(base, build, program, monkeypatch):
    Usage = collections.namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 << 30, 98 << 30, 2 << 30))
    with pytest.raises(CloudError, match="the build needs 8 GiB, 2 GiB are free"):
        build(program)
    assert not (base / "hello.log").exists()


@pytest.mark.parametrize(
    ("says", "message"), [("go version go1.19.8 linux/amd64", "expected 1.21 or later"), ("", "is no Go compiler: expected 1.21")]
)
def test_a_compiler_that_is_too_old_is_named(tmp_path, monkeypatch, says, message):
    (tmp_path / "go").write_text(f"#!/bin/sh\necho '{says}'\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CloudError, match=message) as refused:
        go_build.find_go()
    assert "apt-get install golang-go" in refused.value.hint


def test_a_missing_compiler_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(go_build, "PLACES", [])
    with pytest.raises(CloudError, match="The go command is not installed"):
        go_build.find_go()


def test_tags_and_linker_values_are_handed_to_the_compiler(program):
    arguments = replace(program, tags=("netgo", "no_zfs")).arguments()
    assert arguments[arguments.index("-tags") + 1] == "netgo,no_zfs"
    assert arguments[arguments.index("-ldflags") + 1] == "-s -w -X main.version=v1.2.3"
    assert "-tags" not in program.arguments()


def test_the_role_looks_for_go_where_the_module_does():
    assert yaml.safe_load((ROLE / "vars/main.yml").read_text())["__go_programs_places"] == go_build.PLACES


def test_what_the_role_can_build_is_pinned_with_its_module():
    known = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__go_programs_known"]
    pinned = [folder for name in (ROLE / "files").iterdir() for folder in name.iterdir()]
    assert {folder.parent.name for folder in pinned} == set(known)
    for folder in pinned:
        files = tuple((one["name"], one["module"], one["path"]) for one in known[folder.parent.name].get("files", []))
        go_build.Program(folder.parent.name, folder.name, known[folder.parent.name]["module"], folder, files=files).check()
        assert all(f"{module} v" in (folder / "go.sum").read_text() for _name, module, _path in files)
        assert (folder / "go.sum").stat().st_size
    for name, version in yaml.safe_load((ROLE / "defaults/main.yml").read_text())["go_programs_versions"].items():
        assert ROLE / "files" / name / version in pinned
