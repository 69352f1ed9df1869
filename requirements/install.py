"""Installs a lock file into the environment of this interpreter: ``python requirements/install.py run.lock``.

uv does it in a fraction of pip's time; it is fetched by pip, with a hash, for as long as that takes, unless
it is there. pip does it itself where ``NO_UV`` is set, where it has settings that uv would not heed, and
where uv fails: the same packages by the same hashes either way.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
# pip's settings, and where uv looks for them.
HEEDED = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
# Settings of pip that change nothing of what is installed from a lock file, which names versions and hashes.
WITHOUT_EFFECT = {
    *("timeout", "default-timeout", "retries", "disable-pip-version-check", "no-cache-dir", "cache-dir"),
    *("config-file", "constraint", "no-input", "quiet", "progress-bar", "root-user-action", "no-color"),
}


def main(lock: Path) -> int:
    """The exit code."""
    heeded = None if os.environ.get("NO_UV") else settings_for_uv()
    if heeded is not None and with_uv(lock, heeded):
        return 0
    command = [*PIP, "install", "--quiet", "--no-compile", "--require-hashes", "-r", str(lock)]
    return subprocess.run(command, check=False).returncode


def settings_for_uv() -> dict[str, str] | None:
    """pip's settings as uv's variables; None where one of them means nothing to uv."""
    said = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for line in said.stdout.splitlines():
        name, _, value = line.partition("=")
        place, _, name = name.partition(".")
        name, value = name.replace("_", "-"), value.strip("'\"")
        if name in HEEDED:
            # What the environment says goes before files, and comes last.
            places = [one for one in value.replace("\\n", " ").split() if not _is_gone(one)]
            if places:
                found[HEEDED[name]] = " ".join(places)
        elif name not in WITHOUT_EFFECT and place in ("global", "install", ":env:"):
            return None
    return found


def _is_gone(place: str) -> bool:
    """A folder that is not there: pip leaves it out with a warning, uv would fail."""
    path = place.removeprefix("file://")
    return path.startswith("/") and not Path(path).exists()


def with_uv(lock: Path, heeded: dict[str, str]) -> bool:
    """Whether uv has installed all of it."""
    # Which index a file comes from does not matter: its hash says that it is the right one.
    environment = {"UV_INDEX_STRATEGY": "unsafe-best-match"} | heeded | os.environ
    with tempfile.TemporaryDirectory() as folder:
        uv = shutil.which("uv")
        if uv is None:
            fetch = [*PIP, "install", "--quiet", "--no-compile", "--require-hashes", "--target", folder]
            fetched = subprocess.run([*fetch, "-r", str(HERE / "uv.lock")], capture_output=True, check=False)
            uv = str(Path(folder) / "bin" / "uv")
            if fetched.returncode:
                return False
        install = [uv, "pip", "install", "--quiet", "--require-hashes", "--python", sys.executable]
        try:
            done = subprocess.run(
                [*install, "-r", str(lock)], env=environment, capture_output=True, check=False
            )
        except OSError:
            return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(HERE / sys.argv[1]))
