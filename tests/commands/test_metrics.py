"""``lightly-assets metrics``, read by Prometheus' own reader."""

import subprocess
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from lightly_assets.pipeline.metrics import PREFIX, Metric, to_text
from tests.processes import call
from tests.projects import SmallProject, positions, task, write_image, write_video


def command(small: SmallProject, *words: str) -> subprocess.CompletedProcess[str]:
    return call(small.folder.parent, *words, "-c", small.config)


def numbers(small: SmallProject) -> dict[str, float]:
    """Name and labels → value."""
    done = command(small, "metrics")
    assert done.returncode == 0, done.stderr
    return read(done.stdout)


def read(text: str) -> dict[str, float]:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        " ".join([sample.name, *sample.labels.values()]).removeprefix(PREFIX): sample.value
        for sample in samples
    }


def test_labels_may_hold_anything() -> None:
    odd = 'a "b" \\ {c},\nd'
    metric = Metric("odd", "Back\\slash\nand line.", [({"task": odd}, 0.1), ({"task": ""}, 1e15)])
    assert read(to_text([metric])) == {f"odd {odd}": 0.1, "odd ": 1e15}


def test_numbers_of_records_and_runs(tmp_path: Path) -> None:
    small = SmallProject(tmp_path / "project")
    small.write(tasks=[task("squares"), task("others")])
    before = numbers(small)
    assert before["inputs_recorded squares"] == before["frames_recorded"] == 0
    assert not any(name.startswith("runs") for name in before)
    assert not (small.state / "dagster").exists(), "looking makes no instance"
    write_video(small.input / "a.mp4", positions(5))
    write_image(small.input / "x.png", 10)
    (small.input / "broken.mp4").write_bytes(b"no video")
    assert command(small, "run").returncode == 1
    assert command(small, "pause", "x.png", "--reason", "dark").returncode == 0
    found = numbers(small)
    files = small.files()
    published = {
        name: data for name, data in files.items() if name.startswith("squares/") and "schema" not in name
    }
    assert found["files_published squares"] == len(published) == 6
    assert found["published_bytes squares"] == sum(map(len, published.values()))
    assert found["predictions squares"] == 5  # the fifth frame is empty
    assert found["inputs_published others"] == 2 and found["frames_recorded"] == 6
    assert found["inputs_failed "] == 1 and found["inputs_failed squares"] == 0
    assert found["inputs_paused"] == 1
    assert found["runs failure"] == 1 and found["runs success"] == found["runs started"] == 0
    assert found["last_run_end_timestamp_seconds failure"] > 1.7e9
