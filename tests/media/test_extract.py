"""PNG export: exact names and pixels, all or nothing, and nothing twice."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lightly_assets.media import DamagedVideo, MediaError, export, extract
from tests.media.conftest import Corpus
from tests.media.corpus_files import number_of


def files(folder: Path) -> list[str]:
    """All files of a folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def of_the_specification(path: Path) -> dict[str, NDArray[np.uint8]]:
    """Names and pixels by the loop of the specification, for a video in the root."""
    with av.open(str(path)) as container:
        images = [np.asarray(frame.to_image()) for frame in container.decode(container.streams.video[0])]
    padding = len(str(len(images)))
    return {f"{path.stem}-{i:0{padding}}-{path.suffix[1:]}.png": image for i, image in enumerate(images)}


@pytest.mark.parametrize(
    "name",
    [
        "n1.mp4",
        "n9.mp4",
        "n10.mp4",
        "n99.mp4",
        "n100.mp4",
        "cut.mp4",
        "vfr.mp4",
        "rotated_90.mp4",
        "ten_bit.mp4",
        "grey.mp4",
        "alpha.mov",
        "alpha.webm",
        "odd_size.mp4",
        "vp9_alt.webm",
        "mpeg2.mpg",
        "mpeg4_b.avi",
        "raw.hevc",
        "50%d %s.mp4",
        'it\'s "quoted".mp4',
        "smile 😀.mp4",
        "a:b,c|d#e?.mp4",
        "-y.mp4",
    ],
)
def test_names_and_pixels_are_those_of_the_specification(corpus: Corpus, tmp_path: Path, name: str) -> None:
    done = extract(corpus.path(name), tmp_path / "out")
    expected = of_the_specification(corpus.path(name))
    assert files(tmp_path / "out") == sorted(expected) == sorted(done.names())
    assert (done.frames, done.written, done.found) == (len(expected), len(expected), 0)
    for file, image in expected.items():
        assert np.array_equal(pixels(tmp_path / "out" / file), image)


def test_every_size_is_kept_where_it_changes(corpus: Corpus, tmp_path: Path) -> None:
    video = tmp_path / "two_sizes.mpg"
    video.write_bytes(corpus.path("two_sizes.ts").read_bytes())
    extract(video, tmp_path / "out")
    sizes = [pixels(tmp_path / "out" / f"two_sizes-{i:02}-mpg.png").shape for i in range(50)]
    assert sizes == [(64, 96, 3)] * 25 + [(96, 160, 3)] * 25


def test_folders_dots_and_the_case_of_the_suffix_are_kept(corpus: Corpus, tmp_path: Path) -> None:
    video = tmp_path / "in" / "sub" / "x.y" / "my.vid eo.v1.MP4"
    video.parent.mkdir(parents=True)
    video.write_bytes(corpus.path("n10.mp4").read_bytes())
    done = extract(video, tmp_path / "out", input_root=tmp_path / "in")
    assert done.video == "sub/x.y/my.vid eo.v1.MP4"
    assert files(tmp_path / "out") == [f"sub/x.y/my.vid eo.v1-{i:02}-MP4.png" for i in range(10)]
    assert files(tmp_path / "in") == ["sub/x.y/my.vid eo.v1.MP4"]


def test_names_that_the_format_cannot_have_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="control character"):
        extract(corpus.path("new\nline.mp4"), tmp_path / "out")
    with pytest.raises(ValueError, match="suffix must be one of avi, hevc"):
        extract(corpus.path("h264.mkv"), tmp_path / "out")
    with pytest.raises(ValueError, match="does not lie in the input root"):
        extract(corpus.path("n9.mp4"), tmp_path / "out", input_root=tmp_path)
    assert not (tmp_path / "out").exists()


def test_what_is_complete_is_not_touched(corpus: Corpus, tmp_path: Path) -> None:
    first = extract(corpus.path("cut.mp4"), tmp_path)
    before = {name: written(tmp_path / name) for name in files(tmp_path)}
    again = extract(corpus.path("cut.mp4"), tmp_path)
    assert (again.written, again.found) == (0, 68)
    assert again.info == first.info
    assert again.notes == first.notes == ("The container claims 76 frames, 68 decode.",)
    assert {name: written(tmp_path / name) for name in files(tmp_path)} == before


def written(path: Path) -> tuple[int, int, int]:
    """Which file, and when it was changed: to be read is no change."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def test_only_what_is_missing_or_broken_is_done_again(corpus: Corpus, tmp_path: Path) -> None:
    extract(corpus.path("plain.mp4"), tmp_path)
    whole = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    (tmp_path / "plain-017-mp4.png").unlink()
    (tmp_path / "plain-099-mp4.png").write_bytes(whole["plain-099-mp4.png"][:-20])
    (tmp_path / "plain-050-mp4.png").write_bytes(whole["plain-051-mp4.png"])
    done = extract(corpus.path("plain.mp4"), tmp_path)
    assert (done.written, done.found) == (3, 97)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == whole


@pytest.mark.parametrize(("before", "after"), [("n100.mp4", "n99.mp4"), ("n99.mp4", "n100.mp4")])
@pytest.mark.parametrize("same_width", [True, False])
def test_a_replaced_video_leaves_nothing_behind(
    corpus: Corpus, tmp_path: Path, before: str, after: str, same_width: bool
) -> None:
    if same_width:
        before, after = (name.replace("n100", "n10").replace("n99", "n99") for name in (before, after))
    video, out = tmp_path / "v.mp4", tmp_path / "out"
    video.write_bytes(corpus.path(before).read_bytes())
    extract(video, out)
    (out / "v-0-mp4.png").write_bytes(b"somebody else's")
    (out / "foreign.png").write_bytes(b"somebody else's")
    video.write_bytes(corpus.path(after).read_bytes())
    done = extract(video, out)
    assert done.written == done.frames == corpus.count(after)
    assert files(out) == sorted([*done.names(), "v-0-mp4.png", "foreign.png"])
    assert [number_of(pixels(out / name)) for name in done.names()] == list(range(done.frames))


KILLED = """
import os, signal, sys
from pathlib import Path
from lightly_assets.media import extract
video, out, kill_at, rename = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path.replace
count = 0
def counted(self, target):
    global count
    count += 1
    if count == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.replace = counted
extract(video, out)
"""


def killed_at(video: Path, out: Path, kill_at: int) -> None:
    """Extracts in a process that is killed right before it gives a file its name for the n-th time."""
    arguments = [sys.executable, "-c", KILLED, str(video), str(out), str(kill_at)]
    ended = subprocess.run(arguments, env={**os.environ, "PYTHONPATH": str(Path.cwd())}, check=False)
    assert ended.returncode == -signal.SIGKILL


# 50 names while frames wait, one for the seal, 49 published, one for the new stamp, and the first frame's.
@pytest.mark.parametrize("kill_at", [1, 30, 50, 51, 52, 75, 100, 101, 102])
def test_a_killed_export_is_never_half_and_goes_on(corpus: Corpus, tmp_path: Path, kill_at: int) -> None:
    video = corpus.path("vfr.mp4")
    killed_at(video, tmp_path, kill_at)
    named = [name for name in files(tmp_path) if not name.startswith(".")]
    for name in named:
        pixels(tmp_path / name)
    assert bool(named) == (kill_at > 52)
    assert "vfr-00-mp4.png" not in named
    done = extract(video, tmp_path)
    assert files(tmp_path) == sorted(done.names())
    assert not (tmp_path / ".lightly-assets").exists()
    # At most the frames that two workers had in hand are encoded twice.
    assert done.found >= min(kill_at, 50) - 1 - 2 * (os.cpu_count() or 1)
    expected = of_the_specification(video)
    assert all(np.array_equal(pixels(tmp_path / name), image) for name, image in expected.items())


@pytest.mark.parametrize("kill_at", [60, 102])
def test_a_replacement_that_was_killed_heals(corpus: Corpus, tmp_path: Path, kill_at: int) -> None:
    video, out = tmp_path / "v.mp4", tmp_path / "out"
    video.write_bytes(corpus.path("n100.mp4").read_bytes())
    extract(video, out)
    video.write_bytes(corpus.path("vfr.mp4").read_bytes())
    killed_at(video, out, kill_at)
    done = extract(video, out)
    assert files(out) == sorted(done.names())
    assert [number_of(pixels(out / name)) for name in done.names()] == list(range(50))


def test_several_at_once_do_the_work_once(corpus: Corpus, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: extract(corpus.path("plain.mp4"), tmp_path), range(4)))
    assert sorted(one.written for one in done) == [0, 0, 0, 100]
    assert files(tmp_path) == sorted(done[0].names())


def test_many_processes_may_make_and_remove_the_working_folder(tmp_path: Path) -> None:
    def often(_: int) -> None:
        for _ in range(300):
            folder = tmp_path / ".lightly-assets" / "key"
            lock = export._locked_folder(folder)
            with suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()
            os.close(lock)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(often, range(4)))) == 4


@pytest.mark.parametrize(
    "name",
    ["truncated_faststart.mp4", "corrupt_plain.mp4", "truncated_mpeg4.avi", "corrupt_vp9.webm", "text.mp4"],
)
def test_of_a_damaged_video_nothing_is_published(corpus: Corpus, tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedVideo, match=name):
        extract(corpus.path(name), tmp_path)
    assert files(tmp_path) == []


def test_a_damaged_replacement_leaves_the_old_frames(corpus: Corpus, tmp_path: Path) -> None:
    video, out = tmp_path / "v.mp4", tmp_path / "out"
    video.write_bytes(corpus.path("n10.mp4").read_bytes())
    old = extract(video, out).names()
    video.write_bytes(corpus.path("truncated_faststart.mp4").read_bytes())
    with pytest.raises(DamagedVideo):
        extract(video, out)
    assert files(out) == sorted(old)


def test_what_decodes_of_a_damaged_video_can_be_kept(corpus: Corpus, tmp_path: Path) -> None:
    video = corpus.path("truncated_faststart.mp4")
    done = extract(video, tmp_path, on_damage="keep")
    assert files(tmp_path) == sorted(done.names())
    assert 30 < done.frames < 100
    assert done.notes[0] == f"The container claims 100 frames, {done.frames} decode."
    assert done.notes[1].startswith("Damaged: is cut off")
    with pytest.raises(DamagedVideo):
        extract(video, tmp_path, on_damage="fail")
    assert extract(video, tmp_path, on_damage="keep").written == 0


def test_a_kept_damaged_video_is_not_mixed_with_an_earlier_try(corpus: Corpus, tmp_path: Path) -> None:
    video = corpus.path("corrupt_plain.mp4")
    killed_at(video, tmp_path / "out", 30)
    mixed = extract(video, tmp_path / "out", on_damage="keep")
    clean = extract(video, tmp_path / "clean", on_damage="keep")
    assert mixed.written == mixed.frames == clean.frames
    for name in clean.names():
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()


def test_a_full_disk_is_said_and_leaves_nothing_half(corpus: Corpus, tmp_path: Path) -> None:
    # The limit comes once the decoder runs, because its shared memory counts as a file.
    script = (
        "import resource, signal, sys; from lightly_assets.media import extract\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limit = lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))\n"
        "try: extract(*sys.argv[1:], on_frame=limit)\n"
        "except OSError as error: print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(corpus.path("n100.mp4")), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in ended.stdout
    assert [name for name in files(tmp_path) if not name.startswith(".")] == []
    assert extract(corpus.path("n100.mp4"), tmp_path).frames == 100
    assert len(files(tmp_path)) == 100


def test_a_video_that_changes_meanwhile_is_not_published(corpus: Corpus, tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    video.write_bytes(corpus.path("n1000.mp4").read_bytes())

    def grow(count: int) -> None:
        if count == 500:
            with video.open("ab") as file:
                file.write(b"more")

    with pytest.raises(MediaError, match="changes while it is read"):
        extract(video, tmp_path / "out", on_frame=grow)
    assert [name for name in files(tmp_path / "out") if not name.startswith(".")] == []
