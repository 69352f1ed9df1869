"""Each extra alone in a clean environment: ``python tests/extras/run.py [EXTRA …]``.

For each one the wheel is installed into an environment of its own, and what the extra is for is run there.
What was installed and how long that took pip, without a cache, is printed as the table of
``docs/install.md``; ``--write`` puts it there.
"""

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "install.md"
NONE = "(none)"
# Bring torch: gigabytes on most machines, so they are only tried where they are named.
LARGE = ("transformers", "worker", "studio")

ALWAYS = """
from pathlib import Path
import json, subprocess, sys
program = str(Path(sys.executable).with_name("lightly-assets"))
def call(*words, code=0):
    done = subprocess.run([program, *words], capture_output=True, text=True)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout
assert "Examples" in call("run", "--help")
root = Path("lightly/.lightly/predictions/people"); root.mkdir(parents=True)
(root.parent / "tasks.json").write_text('["people"]')
schema = {"task_type": "object-detection", "categories": [{"id": 0, "name": "person"}]}
(root / "schema.json").write_text(json.dumps(schema))
one = {"category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5}
(root / "a.json").write_text(json.dumps({"file_name": "a.png", "predictions": [one]}))
assert json.loads(call("check", "lightly", "--json"))["ok"]
"""
TRIES = {
    NONE: """
Path("model.py").write_text("def find(images):\\n    return [[] for _ in images]\\n")
import av, numpy as np
Path("input").mkdir()
with av.open("input/a.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=5); stream.width = stream.height = 64; stream.pix_fmt = "yuv420p"
    for _ in range(3):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
    file.mux(stream.encode())
Path("lightly.yaml").write_text('''
datasource: {input: ./input, lightly: ./out, state: ./state}
tasks:
  - name: people
    task_type: object-detection
    categories: [{id: 0, name: person}]
    model: {kind: python, call: "model:find"}
''')
assert json.loads(call("run", "--json"))["files_written"] == 3
""",
    "onnx": 'assert json.loads(call("demo", "--json"))["frames"] == 236',
    "opencv": "import cv2",
    "labels": "import labelformat",
    "litert": "import ai_edge_litert.interpreter",
    "openvino": "import openvino; openvino.Core()",
    "select": "import lightly_mundig",
    "ui": 'assert Path(program).with_name("dagster-webserver").exists(); import dagster_webserver.app',
    "postgres": "import dagster_postgres, psycopg2",
    "ray": "import ray",
    "transformers": "import torch, transformers",
    "worker": "import lightly.api",
    "studio": """
from PIL import Image
Path("input").mkdir()
Image.new("RGB", (64, 64)).save("input/a.png")
Path("lightly.yaml").write_text("datasource: {input: ./input, lightly: ./lightly, state: ./state}")
assert json.loads(call("studio", "--json"))["objects"] == 1
""",
}


def main() -> int:
    """0 where every extra works."""
    arguments = [one for one in sys.argv[1:] if not one.startswith("--")]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if missing := set(extras) - set(TRIES):
        raise SystemExit(f"What {sorted(missing)} is for must be tried: see TRIES in {__file__}.")
    chosen = arguments or [NONE, *(one for one in extras if one not in LARGE)]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(build, cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        for extra in chosen:
            row, error = try_extra(extra, wheel)
            print(row, flush=True)
            if "--write" in sys.argv[1:]:
                write(row)
            if error:
                failed.append(extra)
                print(error, file=sys.stderr)
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def try_extra(extra: str, wheel: Path) -> tuple[str, str]:
    """A row of the table, and what went wrong."""
    place = Path(tempfile.mkdtemp(prefix="extra-"))
    try:
        subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
        python = place / "venv/bin/python"
        site = next((place / "venv/lib").glob("python3*/site-packages"))
        before = size(site)
        asked = str(wheel) if extra == NONE else f"{wheel}[{extra}]"
        started = cpu_seconds()
        pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
        done = subprocess.run([*pip, asked], capture_output=True, text=True, check=False)
        seconds = cpu_seconds() - started
        error = done.stderr if done.returncode else ""
        if not error:
            work = place / "work"
            work.mkdir()
            tried = subprocess.run(
                [python, "-c", ALWAYS + TRIES[extra]], cwd=work, capture_output=True, text=True, check=False
            )
            error = tried.stderr if tried.returncode else ""
        megabytes = (size(site) - before) / 1e6
        worked = "no" if error else "yes"
        return f"| {extra} | {megabytes:,.0f} MB | {seconds:.0f} s | {worked} |", error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def cpu_seconds() -> float:
    """Of the processes that have ended: what else a machine does meanwhile counts for little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def write(row: str) -> None:
    """The row of the page that was measured now replaces that of before."""
    name = row.split(" | ")[0]
    text, count = re.subn(
        rf"^{re.escape(name)} \|.*$", lambda _: row, PAGE.read_text("utf-8"), flags=re.MULTILINE
    )
    if count != 1:
        raise SystemExit(f"{PAGE.name} has no row '{name}'.")
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
