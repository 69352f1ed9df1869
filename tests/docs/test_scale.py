"""The worked example of docs/scale.md is what the program prints."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_worked_example_is_that_of_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.plan"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    printed = [re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines() if "×:" not in line]
    text = (ROOT / "docs/scale.md").read_text()
    lines = text[text.index("| videos a day") :].partition("\n\n")[0].splitlines()
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
    assert told == printed and len(told) > 10
