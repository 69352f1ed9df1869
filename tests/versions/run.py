"""The main tests with other versions: ``python tests/versions/run.py KIND [TEST …]``.

``KIND`` is ``lowest``, ``highest``, ``pythons``, or one version of Python such as ``3.12``.

An environment of its own, ``.venv-lowest`` or ``.venv-highest``, gets the lowest release of some packages
that ``pyproject.toml`` allows, or the newest one; everything else is what pip finds. ``pythons`` does the
latter with each version of Python that ``pyproject.toml`` names and this machine has (``PATH`` or pyenv).
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("dagster", "dagster-aws", "av", "numpy", "pydantic", "pyarrow")
TESTS = (
    "tests/earlier", "tests/snapshots", "tests/test_public.py", "tests/test_config.py", "tests/format",
    "tests/encoding", "tests/media/test_corpus.py", "tests/media/test_cut_files.py",
    "tests/models/test_columns.py", "tests/models/test_conversions.py",
    "tests/media/test_extract.py", "tests/media/test_images.py", "tests/graph/test_partitions.py",
    "tests/graph/test_chain.py", "tests/graph/test_recording.py",
)  # fmt: skip


def ranges() -> dict[str, str]:
    """What ``pyproject.toml`` allows of each of the packages, such as ``>=2.0``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    split = [re.match(r"([\w-]+)(.*)", line) for line in project["dependencies"]]
    found = {match[1]: match[2] for match in split if match}
    return {name: found[name] for name in PACKAGES}


def requirements(kind: str) -> list[str]:
    """One requirement for each package: the lowest release of its range, or any of it."""
    if kind == "highest":
        return [name + allowed for name, allowed in ranges().items()]
    lowest = {name: re.search(r">=([\w.]+)", allowed) for name, allowed in ranges().items()}
    return [f"{name}=={match[1]}" for name, match in lowest.items() if match]


def pythons() -> list[tuple[str, str | None]]:
    """The versions of Python that the classifiers name, and where this machine has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [one.rpartition(" ")[2] for one in project["classifiers"] if ":: Python :: 3." in one]
    return [(version, _python(version)) for version in named]


def _python(version: str) -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    inside = sorted(pyenv.glob(f"{version}.*/bin/python"))
    candidates = [*map(str, inside), shutil.which(f"python{version}")]
    for one in filter(None, candidates):
        if subprocess.run([one, "-c", "import ssl, venv"], capture_output=True, check=False).returncode == 0:
            return one
    return None


def try_versions(python: str, name: str, kind: str, named: list[str]) -> int:
    """Make the environment and run the tests; the exit code is theirs."""
    folder = ROOT / f".venv-{name}"
    inside = folder / "bin" / "python"
    if not inside.exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    install = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    chosen = requirements(kind)
    # labelformat asks for releases of packages that the tests are to choose.
    asking = [one for one in groups["dev"] if one.startswith("labelformat")]
    tools = [one for one in groups["dev"] if one not in asking]
    subprocess.run([*install, "-e", f"{ROOT}[onnx,opencv,ui]", *tools, *chosen], check=True)
    oracles = ["--no-deps", "-r", str(ROOT / "requirements" / "oracles.lock")]
    subprocess.run([*install, *oracles], check=True)
    subprocess.run([*install, "--no-deps", *asking], check=True)  # no hash: the lock file above has some
    pattern = "|".join(re.escape(name) for name in PACKAGES)
    listed = subprocess.run([str(inside), "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    versions = re.findall(rf"^(?:{pattern})==.*$", listed.stdout, re.MULTILINE | re.IGNORECASE)
    print(f"{name}: {', '.join(versions)}", flush=True)
    tests = [str(inside), "-m", "pytest", "-n", "2", "-q", *(named or TESTS)]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode


def main() -> int:
    """The exit code of the first tests that fail."""
    kind, *named = sys.argv[1:]
    if kind in ("lowest", "highest"):
        return try_versions(sys.executable, kind, kind, named)
    known = pythons()
    if kind not in ("pythons", *dict(known)):
        raise SystemExit(f"'{kind}' is neither lowest, highest, pythons nor one of {', '.join(dict(known))}.")
    worst = 0
    for version, python in known:
        if kind not in ("pythons", version):
            continue
        if python is None:
            print(f"Python {version}: not on this machine, not tried.", flush=True)
        else:
            worst = try_versions(python, version, "highest", named) or worst
    return worst


if __name__ == "__main__":
    sys.exit(main())
