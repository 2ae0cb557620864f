"""What must hold of the repository as a whole."""

import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A home, a workplace or a private package index in a tracked file works on one machine only.
MACHINE = re.compile(
    r"/(?:home|root|work|Users)/[\w.]|--(?:extra-)?index-url|--find-links|--trusted-host|file:///[a-z]"
)
INDEX_HOST = re.compile(r"https?://[^\s\"')>]*(?:/simple\b|pypi\.(?!org)|nexus|artifactory|devpi)", re.IGNORECASE)


def tracked_files() -> list[Path]:
    files = files_known_to_git() or files_not_ignored()
    assert ROOT / "pyproject.toml" in files
    return [file for file in files if file.is_file() and file != Path(__file__)]


def files_known_to_git() -> list[Path]:
    """Nothing on a machine without git, or in a copy that is no checkout."""
    command = ["git", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return []
    return [ROOT / name for name in listed.split("\0") if name]


def files_not_ignored() -> list[Path]:
    patterns = [line.strip("/") for line in text_of(ROOT / ".gitignore").splitlines()]

    def ignored(name: str) -> bool:
        return name == ".git" or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)

    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not ignored(name)]
        found += [Path(folder, name) for name in names if not ignored(name)]
    return found


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def test_no_tracked_file_names_a_machine_or_a_package_index() -> None:
    found = {
        str(f.relative_to(ROOT)) for f in tracked_files() if MACHINE.search(text_of(f)) or INDEX_HOST.search(text_of(f))
    }
    assert not found


@pytest.mark.parametrize("name", ["runtime", "dev", "labgrid", "pkcs11"])
def test_every_locked_package_has_one_version_and_a_hash(name: str) -> None:
    text = text_of(ROOT / f"requirements/{name}.txt").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][\w.-]*==\S+( ;.*)?\s+--hash=sha256:[0-9a-f]{64}", entry), entry[:60]


def test_what_runs_is_locked_the_same_in_both_files() -> None:
    files = (text_of(ROOT / f"requirements/{name}.txt") for name in ("runtime", "dev"))
    runtime, dev = (set(re.findall(r"^(\S+==\S+)", text, re.MULTILINE)) for text in files)
    assert runtime <= dev


def test_every_dependency_has_its_decision() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    wanted = project["dependencies"] + [d for group in project["optional-dependencies"].values() for d in group]
    decisions = text_of(ROOT / "DECISIONS.md").lower()
    missing = {name for d in wanted if (name := re.split(r"[<>=\[; ]", d)[0].lower()) not in decisions}
    assert not missing


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("packaging/*.md")]:
        targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(page))
        broken += [f"{page.name}: {target}" for target in targets if not (page.parent / target).exists()]
    assert not broken


@pytest.mark.parametrize(
    ("module", "page"),
    [
        ("domain.state_diagram", "ARCHITECTURE.md"),
        ("domain.fault_table", "docs/technician.md"),
        ("csms.v16.fault_names", "docs/csms-operator.md"),
    ],
)
def test_what_is_drawn_from_tables_is_current(module: str, page: str) -> None:
    command = [sys.executable, "-m", f"agent.{module}", page, "--check"]
    checked = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_every_target_of_the_makefile_is_in_help_or_says_not_built() -> None:
    makefile = text_of(ROOT / "Makefile")
    phony = re.search(r"\.PHONY: (.*) \$\(NOT_BUILT\)", makefile)
    assert phony is not None
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


@pytest.mark.parametrize("target", ["deb", "image", "boot-test", "boot-test-long"])
def test_a_target_that_is_not_built_fails_with_one_sentence(target: str) -> None:
    command = ["make", "--no-print-directory", target]
    made = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert made.returncode != 0
    assert f"make {target}: not built" in made.stderr
    assert not made.stdout
