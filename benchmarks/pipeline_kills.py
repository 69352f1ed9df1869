"""Kill a run at every single write: ``python -m benchmarks.pipeline_kills [SCENARIO…]``.

For each scenario and each write of the run a fresh copy of the project is killed there; then the folder must
hold nothing that is wrong, and the next run must heal it to the bytes of an undisturbed one. Where a schema
changes, the task is as it was, or as it will be, or not listed.
"""

import argparse
import tempfile
from pathlib import Path

from tests.pipeline.test_kills import SCENARIOS, SCHEMA_CHANGES, scenario_points, survives


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS])
    options = parser.parse_args()
    tried = survived = 0
    for scenario in options.scenarios or SCENARIOS:
        with tempfile.TemporaryDirectory() as name:
            template, arguments, count, healed = scenario_points(Path(name), scenario)
            good = 0
            for deadly in range(1, count + 1):
                try:
                    survives(
                        template,
                        Path(name) / f"killed-{deadly}",
                        deadly,
                        arguments,
                        healed,
                        whole=SCENARIOS[scenario] in SCHEMA_CHANGES,
                    )
                    good += 1
                except (AssertionError, OSError, ValueError) as error:
                    print(f"{scenario}, write {deadly}: {error!r}"[:300])
        print(f"{scenario}: {good} of {count} kill points survived", flush=True)
        tried, survived = tried + count, survived + good
    print(f"{survived} of {tried} kill points survived")


if __name__ == "__main__":
    main()
