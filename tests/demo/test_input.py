"""The demo's input folder: what lies in it, and that a second call leaves it alone."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from lightly_assets.demo import input, write_demo, write_demo_input
from lightly_assets.demo.input import CLIPS


def _state(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in files
    }


def test_the_keys_are_exactly_the_files(written: tuple[Path, list[str]]) -> None:
    folder, keys = written
    assert sorted(keys) == sorted(_state(folder)) == sorted(clip.key for clip in CLIPS)


def test_names_are_as_awkward_as_real_ones(written: tuple[Path, list[str]]) -> None:
    _, keys = written
    videos = [key for key in keys if key.lower().endswith((".mp4", ".mov"))]
    assert len(videos) >= 2
    assert any(Path(key).suffix.isupper() for key in videos)
    assert any(" " in Path(key).stem and "." in Path(key).stem for key in videos)
    assert any(key.count("/") >= 2 for key in videos)


def test_videos_decode_to_the_drawn_frames(written: tuple[Path, list[str]]) -> None:
    folder, _ = written
    for clip in CLIPS:
        if clip.frames == 1:
            continue
        with av.open(folder / clip.key) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.average_rate == clip.rate
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert len(frames) == clip.frames
        first = next(clip.pictures()).image
        assert frames[0].shape == first.shape == (360, 640, 3)
        assert np.abs(frames[0].astype(int) - first).mean() < 8


def test_images_hold_the_drawn_frame(written: tuple[Path, list[str]]) -> None:
    folder, _ = written
    for clip in CLIPS:
        if clip.frames == 1:
            pixels = np.asarray(Image.open(folder / clip.key).convert("RGB")).astype(int)
            assert np.abs(pixels - next(clip.pictures()).image).mean() < 8


def test_a_second_call_writes_nothing(written: tuple[Path, list[str]]) -> None:
    folder, _ = written
    before = _state(folder)
    assert write_demo_input(folder) == []
    assert _state(folder) == before


def test_without_its_list_nothing_is_written_either(
    written: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input, "CLIPS", CLIPS[2:])  # a video and the images: all are drawn once more
    folder = tmp_path / "input"
    shutil.copytree(written[0], folder)
    before = _state(folder)
    assert write_demo_input(folder) == []
    assert _state(folder) == before


def test_what_is_missing_or_changed_is_written_again(written: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "input"
    shutil.copytree(written[0], folder)
    shutil.copy(written[0].parent / ".input.json", tmp_path)
    images = [clip.key for clip in CLIPS if clip.frames == 1]
    (folder / images[0]).unlink()
    (folder / images[1]).write_bytes(b"not an image")
    assert write_demo_input(folder) == images[:2]
    after = {key: content for key, (_, content) in _state(folder).items()}
    assert after == {key: content for key, (_, content) in _state(written[0]).items()}


def test_the_project_keeps_an_edited_file_and_restores_models(
    written: tuple[Path, list[str]], tmp_path: Path
) -> None:
    shutil.copytree(written[0], tmp_path / "input")
    shutil.copy(written[0].parent / ".input.json", tmp_path)
    project = write_demo(tmp_path)
    models = sorted((tmp_path / "models").iterdir())
    assert project == tmp_path / "lightly.yaml"
    assert models and all(model.suffix == ".onnx" for model in models)
    original = models[0].read_bytes()
    project.write_text("tasks: []\n")
    models[0].write_bytes(b"")
    write_demo(tmp_path)
    assert project.read_text() == "tasks: []\n"
    assert models[0].read_bytes() == original
