"""The ffmpeg program as an engine: the same frames where it can, and a clear word where it cannot."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.media import DamagedVideo, Limits, MediaError, extract
from lightly_assets.media.ffmpeg_program import ffmpeg_command
from tests.media.conftest import Corpus


def pixels(folder: Path) -> dict[str, NDArray[np.uint8]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        with Image.open(path) as image:
            found[path.name] = np.asarray(image)
    return found


def extractable(corpus: Corpus) -> list[str]:
    suffixes = (".mp4", ".m4v", ".hevc", ".mpg", ".mpeg", ".avi", ".mov", ".webm")
    names = [video.name for video in corpus.videos.values() if video.sound]
    return [
        name
        for name in names
        if name.endswith(suffixes) and "\n" not in name and name not in ("n999.mp4", "n1000.mp4")
    ]


def test_frames_are_those_of_pyav(corpus: Corpus, tmp_path: Path, ffmpeg_program: str) -> None:
    names = extractable(corpus)
    assert len(names) > 45
    for number, name in enumerate(names):
        by_pyav, by_program = tmp_path / f"{number}a", tmp_path / f"{number}b"
        extract(corpus.path(name), by_pyav)
        done = extract(corpus.path(name), by_program, engine="ffmpeg")
        ours, theirs = pixels(by_pyav), pixels(by_program)
        assert list(ours) == list(theirs), name
        same = all(np.array_equal(ours[frame], theirs[frame]) for frame in ours)
        assert same or any("round differently" in note for note in done.notes), name


def test_names_are_those_of_the_specifications_command(
    corpus: Corpus, tmp_path: Path, ffmpeg_program: str
) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(corpus.path("plain.mp4").read_bytes())
    script = (
        f'VIDEO={video}; NUM_FRAMES=100; "{ffmpeg_program}" -v error -r 1 -i ${{VIDEO}} '
        "-start_number 0 ${VIDEO%.mp4}-%0${#NUM_FRAMES}d-mp4.png"
    )
    subprocess.run(["bash", "-c", script], check=True)
    expected = sorted(path.name for path in tmp_path.glob("*.png"))
    done = extract(video, tmp_path / "out", engine="ffmpeg")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == expected == sorted(done.names())


@pytest.mark.parametrize(
    "name", ["truncated_faststart.mp4", "corrupt_plain.mp4", "truncated_mpeg4.avi", "text.mp4"]
)
def test_damage_fails_and_is_never_published_with_another_count(
    corpus: Corpus, tmp_path: Path, ffmpeg_program: str, name: str
) -> None:
    with pytest.raises(DamagedVideo):
        extract(corpus.path(name), tmp_path / "out", engine="ffmpeg")
    assert list((tmp_path / "out").rglob("*")) == []
    try:
        done = extract(corpus.path(name), tmp_path / "out", engine="ffmpeg", on_damage="keep")
    except MediaError as error:
        assert "the ffmpeg program gives" in str(error) or "frames decode" in str(error)
        assert list((tmp_path / "out").rglob("*")) == []
        return
    kept = extract(corpus.path(name), tmp_path / "kept", on_damage="keep")
    assert done.names() == kept.names()
    assert "Behind damage the pixels of the ffmpeg program may differ from PyAV's." in done.notes


def test_changing_sizes_are_refused(corpus: Corpus, tmp_path: Path, ffmpeg_program: str) -> None:
    video = tmp_path / "v.mpg"
    video.write_bytes(corpus.path("two_sizes.ts").read_bytes())
    with pytest.raises(MediaError, match="its size changes at frame 25"):
        extract(video, tmp_path / "out", engine="ffmpeg")


def test_a_program_that_crops_is_refused(
    corpus: Corpus, tmp_path: Path, ffmpeg_program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ffmpeg 9 crops a clean aperture, which PyAV does not; here every version does."""
    cropping = tmp_path / "bin/ffmpeg"
    cropping.parent.mkdir()
    cropping.write_text(
        '#!/bin/bash\nfor one; do arguments+=("${one/format=rgb24/format=rgb24,crop=90:60:0:0}"); done\n'
        f'exec {ffmpeg_program} "${{arguments[@]}}"\n'
    )
    cropping.chmod(0o755)
    assert extract(corpus.path("n10.mp4"), tmp_path / "out", engine="ffmpeg").frames == 10
    monkeypatch.setenv("PATH", str(cropping.parent), prepend=":")
    video = tmp_path / "v.mp4"
    video.write_bytes(corpus.path("plain.mp4").read_bytes())
    with pytest.raises(MediaError, match=r"gives frames of 90 x 60, PyAV of 96 x 64.*use the engine pyav"):
        extract(video, tmp_path / "cropped", engine="ffmpeg")
    assert list((tmp_path / "cropped").rglob("*")) == []


def test_limits_hold_for_the_program_too(corpus: Corpus, tmp_path: Path, ffmpeg_program: str) -> None:
    with pytest.raises(DamagedVideo, match="more than 99 frames"):
        extract(corpus.path("n100.mp4"), tmp_path / "out", engine="ffmpeg", limits=Limits(max_frames=99))


def test_the_two_engines_do_not_take_each_others_frames(
    corpus: Corpus, tmp_path: Path, ffmpeg_program: str
) -> None:
    video = corpus.path("ten_bit.mp4")
    assert extract(video, tmp_path).written == 50
    assert extract(video, tmp_path, engine="ffmpeg").written == 50
    assert extract(video, tmp_path, engine="ffmpeg").written == 0


def test_the_command_has_no_shell_and_opens_nothing_else(tmp_path: Path) -> None:
    video = tmp_path / "a b'$(x);%d.mp4"
    command = ffmpeg_command("ffmpeg", video, Limits())
    assert f"file:{video}" in command
    for option, value in (
        ("-r", "1"),
        ("-start_number", "0"),
        ("-protocol_whitelist", "file"),
        ("-map", "0:V:0"),
    ):
        assert command[command.index(option) + 1] == value
    assert "-noautorotate" in command
    assert command[-1] == "%d.png" or "%d.png" in command
