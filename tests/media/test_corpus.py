"""Every file of the corpus: how many frames, which ones, and whether anything is wrong with it."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from lightly_assets.media import DamagedVideo, Limits, VideoInfo, open_video, probe
from lightly_assets.media.decoding.job import Job
from lightly_assets.media.decoding.supervised_decode import Pass
from tests.media.conftest import Corpus
from tests.media.corpus_files import Video, number_of

BAD_IN_WORDS = {
    "audio.mp4": "has no video stream",
    "cover.mp4": "has no video stream, only a cover picture",
    "truncated.mp4": "cannot be opened: Invalid data found when processing input",
    "empty.mp4": "is an empty file",
    "text.mp4": "cannot be opened: Invalid data found when processing input",
    "playlist.mp4": "cannot be opened: Invalid data found when processing input",
}
CONTAINER_COUNTS = {
    "edit_list.mp4": 100,
    "cut.mp4": 76,
    "vfr.avi": 100,
    "h264.mkv": None,
    "av1.webm": None,
    "vp9.webm": None,
    "h264.ts": None,
    "mpeg2.mpg": None,
    "raw.hevc": None,
}
ROTATIONS = {"rotated_90.mp4": -90, "rotated_180.mp4": -180, "rotated_270.mp4": 90}


def sound(corpus: Corpus) -> list[Video]:
    return [video for video in corpus.videos.values() if video.sound]


def bad(corpus: Corpus) -> list[Video]:
    return [video for video in corpus.videos.values() if not video.sound]


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_every_sound_video_has_the_frames_that_it_was_made_of(corpus: Corpus, threads: int) -> None:
    for video in sound(corpus):
        with open_video(corpus.path(video.name), threads=threads) as stream:
            frames = [(frame.index, number_of(frame.image)) for frame in stream]
        assert video.numbers is not None
        assert frames == list(enumerate(video.numbers)), video.name
        assert (stream.info.frames, stream.info.errors) == (len(video.numbers), ()), video.name


def test_probe_counts_them_alike(corpus: Corpus) -> None:
    for video in sound(corpus):
        info = probe(corpus.path(video.name))
        assert (info.frames, info.errors) == (corpus.count(video.name), ()), video.name
        expected = CONTAINER_COUNTS.get(video.name, info.container_frames)
        assert info.container_frames == expected, video.name
        assert info.rotation == ROTATIONS.get(video.name, 0), video.name


def test_the_fast_way_is_enough_for_sound_videos(corpus: Corpus) -> None:
    """What is odd is decoded twice: only files that are odd may be."""
    odd = {"cut.mp4", "cut.mkv", "vfr.avi", "edit_list.mp4", "two_sizes.ts", "delimiter.hevc"}
    for video in sound(corpus):
        job = Job(str(corpus.path(video.name)), False, False, False, 0, 4, 1 << 27, None)
        way = Pass(job, Limits())
        assert list(way.frames()) == []
        assert video.name in odd or not way.outcome.odd, video.name


def test_times_key_frames_and_pixels_are_those_of_pyav(corpus: Corpus) -> None:
    for video in sound(corpus):
        with av.open(f"file:{corpus.path(video.name)}") as container:
            expected = [
                (
                    None if frame.pts is None else frame.time,
                    bool(frame.key_frame),
                    frame.to_ndarray(format="rgb24"),
                )
                for frame in container.decode(container.streams.video[0])
            ]
            claimed = container.streams.video[0].frames or None
        with open_video(corpus.path(video.name)) as stream:
            for frame, (time, key_frame, image) in zip(stream, expected, strict=True):
                assert stream.claimed == claimed, video.name
                assert frame.time == (None if time is None else pytest.approx(time)), video.name
                assert frame.key_frame == key_frame, video.name
                assert np.array_equal(frame.image, image), video.name


def test_frames_are_writable_arrays_that_stay_as_they_are(corpus: Corpus) -> None:
    with open_video(corpus.path("plain.mp4")) as stream:
        images = [frame.image for frame in stream]
    assert all(image.flags.c_contiguous and image.dtype == np.uint8 for image in images)
    images[3][:] = 7
    assert [number_of(image) for image in images[:3] + images[4:]] == [0, 1, 2, *range(4, 100)]
    assert (images[3] == 7).all()


def test_what_is_odd_is_said(corpus: Corpus) -> None:
    assert probe(corpus.path("two_sizes.ts")).resized_at == 25
    assert probe(corpus.path("ten_bit.mp4")).bits == 10
    assert probe(corpus.path("plain.mp4")) == VideoInfo(100, 100, 96, 64, 0, "h264", (), 8, None)
    assert probe(corpus.path("cut.mp4")).remarks == ("The container claims 76 frames, 68 decode.",)
    assert "turn it by -90 degrees" in probe(corpus.path("rotated_90.mp4")).remarks[0]


def test_of_every_bad_file_it_is_said_what_is_wrong(corpus: Corpus) -> None:
    for video in bad(corpus):
        path = corpus.path(video.name)
        info = probe(path)
        assert info.errors, video.name
        with pytest.raises(DamagedVideo) as failure, open_video(path) as stream:
            for _ in stream:
                pass
        assert str(path) in str(failure.value)
        assert f"{info.frames or 0} frames decode" in str(failure.value)
        if video.name in BAD_IN_WORDS:
            assert info.errors == (BAD_IN_WORDS[video.name],)
            assert info.frames is None


def test_what_decodes_of_a_bad_file_can_be_kept(corpus: Corpus) -> None:
    kept = {}
    for video in bad(corpus):
        info = probe(corpus.path(video.name))
        with open_video(corpus.path(video.name), on_damage="keep") as stream:
            indices = [frame.index for frame in stream]
        assert indices == list(range(info.frames or 0)), video.name
        assert stream.info.frames == info.frames, video.name
        assert stream.info.errors, video.name
        kept[video.name] = len(indices)
    # Much of these is sound, and what is behind the damage is not lost.
    assert kept["corrupt_plain.mp4"] > 80
    assert kept["corrupt_mpeg4.avi"] >= 40
    assert kept["truncated_faststart.mp4"] > 40


def test_frames_of_the_undamaged_part_are_right(corpus: Corpus) -> None:
    with open_video(corpus.path("truncated_faststart.mp4"), on_damage="keep") as stream:
        numbers = [number_of(frame.image) for frame in stream]
    assert numbers[:40] == list(range(40))


@pytest.mark.parametrize(
    "name", ["truncated_faststart.mp4", "corrupt_plain.mp4", "corrupt_h265.mp4", "truncated_h264.mkv"]
)
def test_damage_is_never_silent_and_never_hangs(corpus: Corpus, name: str) -> None:
    """With frame threading PyAV loses frames of such files without an error, and may never exit."""
    expected = probe(corpus.path(name), threads=1)
    for _ in range(5):
        info = probe(corpus.path(name), threads=4)
        assert info == expected
        with pytest.raises(DamagedVideo), open_video(corpus.path(name), threads=4) as stream:
            for _ in stream:
                pass
        assert stream.info.frames == expected.frames


def test_a_process_that_met_damage_ends(corpus: Corpus) -> None:
    script = (
        "import sys; from lightly_assets.media import probe\n"
        "for path in sys.argv[1:]: assert probe(path).errors\n"
        "print('done')"
    )
    paths = [str(corpus.path(video.name)) for video in bad(corpus)]
    done = subprocess.run(
        [sys.executable, "-c", script, *paths], cwd=Path.cwd(), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr


def test_nothing_but_the_file_is_read(corpus: Corpus, tmp_path: Path) -> None:
    """Playlists and scripts name a file that would decode; they must not be followed."""
    (tmp_path / "real.mp4").write_bytes(corpus.path("n10.mp4").read_bytes())
    scripts = {
        "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n",
        "concat.mp4": "ffconcat version 1.0\nfile real.mp4\n",
        "url.mp4": "concat:real.mp4|real.mp4",
        "dash.mp4": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>real.mp4</BaseURL></MPD>',
        "sdp.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "image2.mp4": "real%d.mp4",
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        info = probe(tmp_path / name)
        assert info.frames is None, name
        assert info.errors, name
    for name in ("concat:real.mp4", "subfile,,start,0,end,0,,:real.mp4", "file:real.mp4", "http:real.mp4"):
        assert probe(tmp_path / name).errors == ("is not a file that can be read",)
        (tmp_path / name).write_bytes((tmp_path / "real.mp4").read_bytes())
        assert probe(tmp_path / name).frames == 10, name
