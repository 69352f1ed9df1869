"""``probe`` and ``extract`` as commands: what they print and how they end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lightly_assets.cli import app
from lightly_assets.media import probe
from tests.media.conftest import Corpus
from tests.projects import positions, write_video


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_probe_prints_one_json_document(corpus: Corpus) -> None:
    names = ["cut.mp4", "rotated_90.mp4", "truncated_faststart.mp4", "audio.mp4", "missing.mp4"]
    status, out, _ = run("probe", *(corpus.path(name) for name in names), "--json")
    cut, rotated, truncated, audio, missing = json.loads(out)
    assert status == 1
    assert cut == {
        "path": str(corpus.path("cut.mp4")),
        "frames": 68,
        "container_frames": 76,
        "width": 96,
        "height": 64,
        "rotation": 0,
        "codec": "h264",
        "errors": [],
    }
    assert (rotated["rotation"], rotated["width"], rotated["height"], rotated["errors"]) == (-90, 96, 64, [])
    assert (truncated["container_frames"], bool(truncated["errors"])) == (100, True)
    assert (audio["frames"], audio["errors"]) == (None, ["has no video stream"])
    assert (missing["frames"], missing["errors"]) == (None, ["is not a file that can be read"])


def test_probe_succeeds_where_there_are_only_remarks(corpus: Corpus) -> None:
    status, out, _ = run("probe", corpus.path("cut.mp4"), corpus.path("rotated_90.mp4"))
    assert status == 0
    assert out.splitlines() == [
        f"{corpus.path('cut.mp4')}: 68 frames, 96 x 64, h264",
        "  note: The container claims 76 frames, 68 decode.",
        f"{corpus.path('rotated_90.mp4')}: 100 frames, 96 x 64, h264",
        "  note: Players turn it by -90 degrees; frames are as stored, not turned.",
    ]
    assert run("probe", corpus.path("text.mp4"))[0] == 1
    assert run("probe")[0] == 2


def test_they_are_commands_of_the_program(corpus: Corpus, tmp_path: Path) -> None:
    program = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'lightly-assets'; from lightly_assets.cli import main; main()",
    ]
    text = corpus.path("text.mp4")
    for arguments, status in (
        (["probe", "--json", str(corpus.path("n9.mp4"))], 0),
        (["probe", "--json", str(text)], 1),
        (["extract", str(corpus.path("n9.mp4")), "--out", str(tmp_path), "--json"], 0),
        (["extract", str(text), "--out", str(tmp_path), "--json"], 1),
    ):
        done = subprocess.run([*program, *arguments], capture_output=True, cwd=Path.cwd())
        assert done.returncode == status, done.stderr
        assert json.loads(done.stdout)[0]["frames"] == (None if status else 9)
    assert len(list(tmp_path.iterdir())) == 9


def test_extract_says_what_it_did(corpus: Corpus, tmp_path: Path) -> None:
    video = corpus.path("n10.mp4")
    assert run("extract", video, "--out", tmp_path) == (0, f"{video}: 10 frames (10 written, 0 found)\n", "")
    assert run("extract", video, "--out", tmp_path) == (0, f"{video}: 10 frames (0 written, 10 found)\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"n10-{i:02}-mp4.png" for i in range(10)]


def test_extract_goes_on_behind_a_failure(corpus: Corpus, tmp_path: Path) -> None:
    names = ["text.mp4", "n9.mp4", "h264.mkv"]
    status, out, _ = run("extract", *(corpus.path(name) for name in names), "--out", tmp_path, "--json")
    text, sound, suffix = json.loads(out)
    assert status == 1
    assert (text["frames"], len(text["errors"])) == (None, 1)
    assert (sound["frames"], sound["written"], sound["found"], sound["errors"]) == (9, 9, 0, [])
    assert "is not a video" in suffix["errors"][0]


def test_extract_keeps_damaged_videos_on_request(corpus: Corpus, tmp_path: Path) -> None:
    arguments = ["extract", corpus.path("truncated_faststart.mp4"), "--out", tmp_path, "--json"]
    assert run(*arguments)[0] == 1
    status, out, _ = run(*arguments, "--on-damage", "keep")
    assert status == 0
    assert any(note.startswith("Damaged: ") for note in json.loads(out)[0]["notes"])


def test_equal_names_need_a_root(corpus: Corpus, tmp_path: Path) -> None:
    videos = [tmp_path / "in" / folder / "v.mp4" for folder in ("a", "b")]
    for video in videos:
        video.parent.mkdir(parents=True)
        video.write_bytes(corpus.path("n1.mp4").read_bytes())
    status, _, error = run("extract", *videos, "--out", tmp_path / "out")
    assert (status, "give their root with --input" in error) == (2, True)
    assert run("extract", *videos, "--out", tmp_path / "out", "--input", tmp_path / "in")[0] == 0
    assert (tmp_path / "out" / "a" / "v-0-mp4.png").exists()
    assert (tmp_path / "out" / "b" / "v-0-mp4.png").exists()


def test_without_the_program_its_engine_says_so(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, error = run("extract", corpus.path("n1.mp4"), "--out", tmp_path / "out", "--engine", "ffmpeg")
    assert (status, "There is no ffmpeg program on PATH" in error) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_relative_path_is_one_of_the_folder_that_it_is_asked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that waits for its next video was started in another folder."""
    for name, frames in (("first", 3), ("second", 5)):
        write_video(tmp_path / name / "a.mp4", positions(frames))
        monkeypatch.chdir(tmp_path / name)
        found = probe("a.mp4")
        assert (found.frames, found.errors) == (frames, ())
