"""Help, completion, colours, ``--quiet`` and what the program says alone, as a person meets them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from lightly_assets.cli import COMMANDS, app
from lightly_assets.commands.examples import EXAMPLES, ROOMS
from tests.commands.terminal import on_terminal, without_escapes
from tests.processes import PROGRAM, call
from tests.projects import SmallProject, positions, write_video

GROUP = typer.main.get_command(app)


def write_predictions(root: Path, name: str = "a") -> None:
    """A folder with one file, whose only prediction has a score that is none."""
    task = root / ".lightly/predictions/people"
    task.mkdir(parents=True)
    (task.parent / "tasks.json").write_text('["people"]')
    schema = {"task_type": "object-detection", "categories": [{"id": 0, "name": "person"}]}
    (task / "schema.json").write_text(json.dumps(schema))
    wrong = {"category_id": 0, "bbox": [1, 2, 3, 4], "score": 7}
    (task / f"{name}.json").write_text(json.dumps({"file_name": f"{name}.png", "predictions": [wrong]}))


def test_every_command_has_examples_and_a_place_in_the_list() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert sorted(name for _, names in ROOMS for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line, _ in lines])
def test_examples_name_options_that_exist(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    command = GROUP.commands[words[0]]  # type: ignore[attr-defined]
    known = {text for one in command.params for text in one.opts}
    assert {word for word in words[1:] if word.startswith("-")} <= known


def test_help_of_a_command_shows_its_examples(tmp_path: Path) -> None:
    said = call(tmp_path, "run", "--help")
    assert said.returncode == 0 and "Examples:\n  lightly-assets run\n" in said.stdout
    assert "\x1b" not in said.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """CPU seconds are told by what is imported; measured by benchmarks."""
    code = (
        "import sys\nfrom lightly_assets.cli import main\nsys.argv = ['lightly-assets', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('numpy', 'pydantic', 'rich', 'dagster', 'av', 'obstore', 'yaml', 'sqlite3', 'asyncio')\n"
        "print([one for one in heavy if one in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(("word", "code"), [("--version", 0), ("chekc", 2)])
@pytest.mark.parametrize("thread", ["model 1", "somebody's"])
def test_python_is_not_taken_down_below_a_models_call(
    tmp_path: Path, word: str, code: int, thread: str
) -> None:
    """What was said is said all the same, with the same code: a pipe's text is in a buffer until then."""
    script = (
        "import atexit, sys, threading\nfrom lightly_assets.cli import main\n"
        f"sys.argv = ['lightly-assets', {word!r}]\natexit.register(print, 'taken down')\n"
        f"threading.Thread(target=threading.Event().wait, name={thread!r}, daemon=True).start()\n"
        "print('before')\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stdout.startswith("before\n")
    assert ("Did you mean 'check'?" in done.stderr) == (code == 2)
    assert ("taken down" in done.stdout) == (thread != "model 1")


def test_a_misspelt_command_is_told_what_was_meant(tmp_path: Path) -> None:
    said = call(tmp_path, "chekc")
    assert said.returncode == 2 and "Did you mean 'check'?" in said.stderr


def complete(line: str, folder: Path) -> list[str]:
    """What bash offers for a line, by the script that the program installs."""
    script = (
        'eval "$(lightly-assets --show-completion bash)"\n'
        f"COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_lightly_assets_completion lightly-assets\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{PROGRAM.parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_tasks(tmp_path: Path) -> None:
    SmallProject(tmp_path)
    assert complete("lightly-assets im", tmp_path) == ["import-coco", "import-labels"]
    assert "--dry-run" in complete("lightly-assets run --d", tmp_path)
    assert complete("lightly-assets run --task sq", tmp_path) == ["squares"]


def test_a_terminal_gets_a_table_that_fits(tmp_path: Path) -> None:
    write_predictions(tmp_path, "a" * 90)
    code, said = on_terminal(["check", "."], tmp_path, width=60)
    assert code == 1 and "\x1b[1;31merror" in said
    assert max(len(line) for line in table(said)) <= 60
    assert any("score" in line for line in table(said))
    _, plain = on_terminal(["check", "."], tmp_path, width=60, env={"NO_COLOR": "1"})
    assert "\x1b[1;31m" not in plain and "\x1b[31" not in plain
    assert table(plain) == table(said)


def table(said: str) -> list[str]:
    """The lines that stay once progress is gone."""
    lines = [line.rstrip() for line in re.split(r"[\r\n]", without_escapes(said))]
    return [line for line in lines if line and not line.startswith("Reading")]


def test_a_file_name_does_not_steer_the_terminal(tmp_path: Path) -> None:
    write_predictions(tmp_path, "a\x1b]0;owned\x07\x1b[2J")
    for said in (on_terminal(["check", "."], tmp_path)[1], call(tmp_path, "check", ".").stdout):
        assert "\x1b]0;" not in said and "\x1b[2J" not in said and "\x07" not in said
        assert "owned" in said


def test_quiet_says_errors_only(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    write_video(small.input / "a.mp4", positions(3))
    said = call(tmp_path, "run", "--quiet")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    (small.input / "b.mp4").write_bytes(b"nothing")
    said = call(tmp_path, "run", "-q")
    assert said.returncode == 1 and said.stdout == "" and said.stderr.startswith("Failed: 'b.mp4'")
    assert json.loads(call(tmp_path, "status", "--quiet", "--json").stdout)["inputs"] == 2


def test_alone_it_says_how_the_project_is_and_what_comes_next(tmp_path: Path) -> None:
    nothing = call(tmp_path)
    assert nothing.returncode == 0 and "lightly-assets demo" in nothing.stdout
    assert len(nothing.stdout.splitlines()) < 10
    small = SmallProject(tmp_path)
    assert "put videos or images into" in call(tmp_path).stdout
    write_video(small.input / "a.mp4", positions(3))
    new = call(tmp_path).stdout
    assert new.startswith("1 input: 1 new.\nNext: ") and new.endswith("lightly-assets run\n")
    # What it says can be typed where it was said, wherever the program lies.
    typed = new.partition("Next: ")[2]
    assert subprocess.run(typed, shell=True, cwd=tmp_path, capture_output=True).returncode == 0
    said = call(tmp_path).stdout
    assert said.startswith("1 input: 1 up to date.\nNext: ")
    assert "lightly-assets report lightly --input input, or" in said
    (small.input / "a.mp4").unlink()
    assert "gc" in call(tmp_path).stdout or "put videos" in call(tmp_path).stdout
    small.config.write_text("tasks: 3\n")
    assert call(tmp_path).returncode == 2


def test_status_on_a_terminal_colours_what_needs_a_look(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    (small.input / "b.mp4").write_bytes(b"nothing")
    _, said = on_terminal(["status"], tmp_path, width=70)
    assert "\x1b[36mnew" in said and "failed" not in said and "stale" not in said
    assert max(len(line) for line in table(said)) <= 70
    call(tmp_path, "run")
    code, said = on_terminal(["status"], tmp_path, width=70)
    assert code == 1 and "\x1b[1;31mfailed" in said and "b.mp4" in said


def test_a_project_in_a_folder_below_is_named(tmp_path: Path) -> None:
    """``init my_project`` made it, and the next command was typed beside it."""
    SmallProject(tmp_path / "my project")
    said = call(tmp_path, "run")
    assert said.returncode == 2 and said.stderr.endswith("There is one here: -c 'my project'\n")
    assert "There is one here" not in call(tmp_path, "run", "-c", "other.yaml").stderr


def test_a_run_on_a_terminal_shows_rate_and_time_left(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    for name in ("a", "b", "c"):
        write_video(small.input / f"{name}.mp4", positions(40))
    code, said = on_terminal(["run"], tmp_path, width=120)
    text = without_escapes(said)
    assert code == 0, text
    assert "inputs" in text and " a second" in text and " left" in text
    assert "3 updated, 0 up to date, 0 failed" in text
