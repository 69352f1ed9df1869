"""A release by one command: ``python releasing/release.py 0.2.0``, and with ``--do`` it is done.

Without ``--do`` everything happens in a copy: the wheel and the source package are built there, and what
would change is printed. With it the version, the heading of the changelog and the citation are committed and
tagged here, and both packages lie in ``dist/``. Nothing is uploaded or pushed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION, CHANGELOG, CITATION = "lightly_assets/_version.py", "CHANGELOG.md", "CITATION.cff"
HEADING = "## Unreleased\n"


class ReleaseError(Exception):
    """Why there is no release, in one sentence."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where the release is made, or could be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 0.2.0, or 0.2.0rc1")
    parser.add_argument("--do", action="store_true", help="commit and tag here")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        refuse(given.root, given.version)
        if given.do:
            built = make(given.root, given.version, given.root / "dist")
        else:
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "copy"
                run(given.root, "git", "clone", "--quiet", "--no-hardlinks", str(given.root), str(copy))
                for name in ("user.name", "user.email"):
                    run(copy, "git", "config", name, "release")
                built = make(copy, given.version, Path(folder) / "dist")
                print(run(copy, "git", "show", "--stat", "--patch", "--format=%s", "HEAD"))
                built = [f"{name} (not kept)" for name in built]
    except ReleaseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    for name in built:
        print(name)
    if given.do:
        print(f"Tagged v{given.version}. Next: git push --follow-tags, then upload what lies in dist/.")
    else:
        print(f"Nothing has changed. To release: make release VERSION={given.version} DO=1")
    return 0


def refuse(root: Path, version: str) -> None:
    """Ends where a release would be wrong.

    Raises:
        ReleaseError: the version is none or not newer, there is nothing to release, or work is not committed.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?", version):
        raise ReleaseError(f"'{version}' is no version; write one such as 0.2.0 or 0.2.0rc1.")
    now = current(root)
    if order(version) <= order(now):
        raise ReleaseError(f"{version} is not newer than {now}, which {VERSION} says.")
    if run(root, "git", "tag", "--list", f"v{version}").strip():
        raise ReleaseError(f"The tag v{version} exists already.")
    if changed := run(root, "git", "status", "--porcelain").strip():
        raise ReleaseError(f"There is work that is not committed: {changed.splitlines()[0].strip()}.")
    text = (root / CHANGELOG).read_text("utf-8")
    if HEADING not in text:
        raise ReleaseError(f"{CHANGELOG} has no heading '{HEADING.strip()}'.")
    if not re.split(r"^## ", text.partition(HEADING)[2], flags=re.MULTILINE)[0].strip():
        raise ReleaseError(
            f"{CHANGELOG} says nothing below '{HEADING.strip()}'; there is nothing to release."
        )


def make(root: Path, version: str, out: Path) -> list[str]:
    """Commit, tag and build; names of what was built."""
    now = current(root)
    edit(root / VERSION, f'__version__ = "{now}"', f'__version__ = "{version}"')
    edit(root / CITATION, f'version: "{now}"', f'version: "{version}"')
    today = datetime.now(UTC).date().isoformat()
    edit(root / CHANGELOG, HEADING, f"{HEADING}\n## {version} ({today})\n")
    run(root, "git", "commit", "--quiet", "-m", f"Release {version}", VERSION, CITATION, CHANGELOG)
    run(root, "git", "tag", "-a", f"v{version}", "-m", f"Lightly Assets {version}")
    run(root, sys.executable, "-m", "hatchling", "build", "-d", str(out))
    return sorted(path.name for path in out.iterdir() if f"-{version}" in path.name)


def current(root: Path) -> str:
    """The version that the package says it has."""
    found = re.search(r'__version__ = "([^"]+)"', (root / VERSION).read_text())
    if found is None:
        raise ReleaseError(f"{VERSION} names no version.")
    return found[1]


def order(version: str) -> tuple[int | str, ...]:
    """Versions by age: one before its release comes before it."""
    numbers, kind, count = re.fullmatch(r"([\d.]+)(?:(a|b|rc)(\d+))?", version).groups()  # type: ignore[union-attr]
    return (*map(int, numbers.split(".")), kind or "z", int(count or 0))


def edit(path: Path, old: str, new: str) -> None:
    """Replace what stands once in a file."""
    text = path.read_text("utf-8")
    if text.count(old) != 1:
        raise ReleaseError(f"{path.name} has '{old.strip()}' {text.count(old)} times; once was expected.")
    path.write_text(text.replace(old, new), "utf-8")


def run(folder: Path, *command: str) -> str:
    """What a program prints. Raises ReleaseError where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(
            f"'{' '.join(command[:3])} …' failed: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
