"""The images and frames that labels are exported of, as files named as the labels name them."""

import filecmp
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from lightly_assets.format.names.frame_names import frame_name
from lightly_assets.format.names.keys import validate_key
from lightly_assets.labels.errors import LabelsError
from lightly_assets.media.errors import DamagedVideo
from lightly_assets.media.some_frames import Pictures, write_frames
from lightly_assets.pipeline.publishing.label_input import LabelInput


def write_pictures(
    found: LabelInput, images: Iterable[str], frames: Mapping[str, Iterable[int]], out: Path
) -> Pictures:
    """Writes frames of videos as PNGs and copies images; what is there already is not done again.

    Args:
        images: keys of the input.
        frames: from the key of a video to the frames of it.
        out: a folder; other files in it stay.

    Raises:
        LabelsError: a file of another content has the name of an image, or a video is damaged.
        BadValue: a file that was not written here has the name of a frame, or a key can be no file name.
        StorageError: the input cannot be read.
    """
    done = Pictures()
    for key in images:
        validate_key(key)
        _copy(found, key, out / key, done)
    for key, indices in frames.items():
        validate_key(key)
        count = found.video(key).frames or 0
        wanted = {index: out / frame_name(key, index, count) for index in indices}
        entry = found.entries[key]
        with found.store.local_file(entry) as path:
            try:
                write_frames(path, wanted, entry.fingerprint, done=done)
            except DamagedVideo as error:
                reason = error.info.errors[0] if error.info.errors else "it ends too early"
                raise LabelsError(f"The frames of '{key}' cannot be written: {reason}") from None
    return done


def _copy(found: LabelInput, key: str, target: Path, done: Pictures) -> None:
    with found.store.local_file(found.entries[key]) as path:
        if target.exists():
            if not filecmp.cmp(path, target, shallow=False):
                raise LabelsError(f"'{target}' is there already and is not '{key}'; name another folder.")
            done.found += 1
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(path, part)
        part.replace(target)
        done.written += 1
