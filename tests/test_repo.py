"""What may not be in the tree: paths of somebody's machine, hosts of package registries, leftovers.

The forbidden strings are put together here from pieces, so that this file doesn't break its own rules.
"""

import re
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
HOSTS: Final = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
    )
]
HOMES: Final = re.compile(
    "(?<![\\w.])/(?:" + "|".join(["ro" + "ot/", "wo" + "rk/", "ho" + "me/[a-z]", "Us" + "ers/[A-Za-z]"]) + ")"
)
LATER: Final = "(?:TO" + "DO|FIX" + "ME|X" + "XX)"
LEFTOVERS: Final = re.compile(rf"(?:#|//|--|<!--) *{LATER}\b *[^ \w]|(?:#|//) *{LATER}\b|\b{LATER} *[:(]")


def texts() -> dict[str, str]:
    """Return the text of every file of the project that git knows or would add, by its path."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    paths = {name: ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()}
    assert "pyproject.toml" in paths, "git lists no files of the project"
    return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in paths.items()}


def findings(pattern: re.Pattern[str], *suffixes: str) -> list[str]:
    """Return `path:line: match` for every match of `pattern` in the project's files."""
    return [
        f"{name}:{number}: {match.group()}"
        for name, text in texts().items()
        if not suffixes or name.endswith(suffixes)
        for number, line in enumerate(text.splitlines(), 1)
        if (match := pattern.search(line))
    ]


def test_no_file_names_a_registry_host() -> None:
    assert findings(re.compile("|".join(map(re.escape, HOSTS)))) == []


def test_no_file_names_a_path_of_a_machine() -> None:
    assert findings(HOMES) == []


def test_nothing_is_left_for_later() -> None:
    assert findings(LEFTOVERS, ".py", ".js", ".lua", ".md", ".toml", ".yml", ".yaml", ".html") == []


def test_every_locked_package_is_pinned_and_hashed() -> None:
    for lock, fewest in (("requirements.lock", 40), ("requirements-runtime.lock", 15), ("requirements-build.lock", 2)):
        entries = [line for line in (ROOT / lock).read_text().splitlines() if line and line[0] not in " #"]
        assert len(entries) >= fewest
        loose = [entry for entry in entries if not re.match(r"[\w.-]+==[\w.]+ .*\\$", entry)]
        assert not loose, f"{lock}: {loose}"


def test_the_image_installs_the_versions_that_are_tested() -> None:
    tested, shipped, building = (
        set(re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-runtime.lock", "requirements-build.lock")
    )
    assert shipped < tested
    assert building < tested
