"""The main tests with other versions: ``python tests/versions/run.py lowest`` (or ``highest``).

An environment of its own, ``.venv-lowest`` or ``.venv-highest``, gets the lowest release of some packages
that ``pyproject.toml`` allows, or the newest one; everything else is what pip finds.
"""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("dagster", "dagster-aws", "av", "numpy", "pydantic", "pyarrow")
TESTS = (
    "tests/earlier", "tests/snapshots", "tests/test_public.py", "tests/test_config.py", "tests/format",
    "tests/encoding", "tests/models/test_columns.py", "tests/models/test_conversions.py",
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


def main() -> int:
    """Make the environment and run the tests; the exit code is theirs."""
    (kind,) = sys.argv[1:]
    if kind not in ("lowest", "highest"):
        raise SystemExit(f"'{kind}' is neither lowest nor highest.")
    folder = ROOT / f".venv-{kind}"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    chosen = requirements(kind)
    # For labelformat see requirements/oracles.lock: it asks for packages that nothing here needs.
    tools = [one for one in groups["dev"] if not one.startswith("labelformat")]
    subprocess.run([*install, "-e", f"{ROOT}[onnx,ui]", *tools, *chosen], check=True)
    oracles = ["--no-deps", "-r", str(ROOT / "requirements" / "oracles.lock")]
    subprocess.run([*install, *oracles], check=True)
    pattern = "|".join(re.escape(name) for name in PACKAGES)
    listed = subprocess.run([str(python), "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    versions = re.findall(rf"^(?:{pattern})==.*$", listed.stdout, re.MULTILINE | re.IGNORECASE)
    print(f"{kind}: {', '.join(versions)}", flush=True)
    return subprocess.run(
        [str(python), "-m", "pytest", "-n", "2", "-q", *TESTS], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
