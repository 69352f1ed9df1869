"""Batches that are views of decoded frames, and when they must not be."""

from pathlib import Path

import numpy as np

from lightly_assets.media import open_video
from lightly_assets.models.runtimes.shared.memory import BatchMemory
from tests.projects import positions, write_video


def test_batches_of_decoded_frames_are_views_and_never_change(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", positions(200))
    with open_video(video) as frames:
        truth = [frame.image.copy() for frame in frames]
    memory, batches, views = BatchMemory(), [], 0
    with open_video(video) as frames:
        images = []
        for frame in frames:
            images.append(frame.image)
            if len(images) == 4:
                batch = memory.stack(images)
                views += np.shares_memory(batch, images[0])
                # Half of the batches are kept, without the frames that they are views of.
                if frame.index % 8 == 3:
                    batches.append((frame.index - 3, batch))
                images = []
                del batch
    assert views
    assert len(batches) == 25
    for first, batch in batches:
        assert np.array_equal(batch, truth[first : first + 4])


def test_images_elsewhere_and_read_only_ones_are_copied() -> None:
    block = np.arange(4 * 6 * 5 * 3, dtype=np.uint8).reshape(4, 6, 5, 3)
    memory = BatchMemory()
    together = memory.stack([*block])
    assert np.shares_memory(together, block) and np.array_equal(together, block)
    for images in ([block[1], block[0]], [block[0], block[2]], [block[0, :, :3], block[0, :, 3:, :]][:1]):
        batch = memory.stack(images)
        assert not np.shares_memory(batch, block) and np.array_equal(batch, np.stack(images))
    block.flags.writeable = False
    batch = memory.stack([*block])
    assert batch.flags.writeable and not np.shares_memory(batch, block)
