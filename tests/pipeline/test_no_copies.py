"""Frames reach a model in the memory that the decoder wrote them to, however slow the model is."""

from pathlib import Path

import pytest
import yaml

from lightly_assets.config import load_project
from lightly_assets.pipeline.session import Session
from tests.projects import positions, write_video

# Where batches lie in memory is looked up in what the system says of this process.
MODEL = """
import time
from pathlib import Path

LOG = Path(__file__).with_name("calls.log")


def find(images):
    time.sleep({slow})
    address = images.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(one, 16) for one in line.split()[0].split("-"))
        if start <= address < end:
            with LOG.open("a") as log:
                log.write(f"{{len(images)}} {{line.split()[-2]}}\\n")
    return [[] for _ in images]
"""


@pytest.mark.parametrize("slow", [0, 0.03])
def test_batches_are_where_the_decoder_wrote_them(slow: float, tmp_path: Path) -> None:
    write_video(tmp_path / "input" / "a.mp4", positions(96))
    (tmp_path / "model.py").write_text(MODEL.format(slow=slow))
    task = {"name": "thing", "task_type": "object-detection", "categories": [{"id": 0, "name": "thing"}]}
    task["model"] = {"kind": "python", "call": "model:find", "batch_size": 8}
    roots = {"input": "input", "lightly": "lightly", "state": "state"}
    (tmp_path / "lightly.yaml").write_text(yaml.safe_dump({"datasource": roots, "tasks": [task]}))
    with Session(load_project(tmp_path / "lightly.yaml")) as session:
        assert [outcome.problems() for outcome in session.run(session.plan())] == [{}]
    assert set((tmp_path / "calls.log").read_text().splitlines()) == {"8 /memfd:lightly-assets-frames"}
