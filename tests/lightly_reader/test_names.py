"""Frames have the names that Lightly's own video dataset gives them: ``make test-lightly``."""

from pathlib import Path

import pytest
from lightly.data import LightlyDataset

from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.format.names.suffixes import VIDEO_SUFFIXES
from lightly_assets.media import probe
from tests.media.corpus_files import build


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_names_are_those_of_lightlys_video_dataset(tmp_path: Path) -> None:
    videos = {video.name: video for video in build(tmp_path / "corpus") if video.sound}
    folder = tmp_path / "input" / "sub" / "x.y"
    folder.mkdir(parents=True)
    names = [name for name in videos if Path(name).suffix[1:] in VIDEO_SUFFIXES and "\n" not in name]
    expected = []
    for name in names:
        # Capital suffixes are kept by both.
        target = folder / (f"{Path(name).stem}.MP4" if name == "n10.mp4" else name)
        target.write_bytes((tmp_path / "corpus" / name).read_bytes())
        count = probe(target).frames
        assert count
        key = target.relative_to(tmp_path / "input").as_posix()
        expected += [frame_name(key, index, count) for index in range(count)]
    assert len(expected) > 3000
    # It counts times, and a raw stream has none: the only file that it finds no frame in.
    expected = [name for name in expected if not name.endswith("-hevc.png")]
    assert sorted(LightlyDataset(str(tmp_path / "input")).get_filenames()) == sorted(expected)
