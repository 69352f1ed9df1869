"""Upstream: what writes the videos. Here a lamp is painted that passes by; yours copies recordings, say."""

from fractions import Fraction
from pathlib import Path

import av
import dagster as dg
import numpy as np

from camera_project.places import data

WIDTH, HEIGHT, FRAMES = 96, 64, 12
CAMERAS = ("front", "rear")


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition(start_date="2026-05-01"),
    group_name="recordings",
    kinds={"video"},
)
def drives(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """A video of each camera for a day."""
    for camera in CAMERAS:
        write_video(data() / camera / f"{context.partition_key}.mp4")
    return dg.MaterializeResult(metadata={"videos": len(CAMERAS), "frames": len(CAMERAS) * FRAMES})


def write_video(path: Path) -> None:
    """Under another name first: whoever lists the folder never sees half a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with av.open(str(unfinished), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, 10)
        for index in range(FRAMES):
            picture = np.full((HEIGHT, WIDTH, 3), 16, np.uint8)
            picture[24:40, 4 * index : 4 * index + 16] = 240
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    unfinished.replace(path)
