#!/usr/bin/env bash
# Dagster takes one verdict per partition and check outside of a run; the second one is an IntegrityError.
#
# Version:     dagster 1.13.27 (SQLite)
# Expectation: report_runless_asset_event() may be called again with a new AssetCheckEvaluation of the same check and
#              partition, as it may with a new AssetMaterialization: the newer verdict counts.
# Behaviour:   without a partition it may. With one, the second call ends in "UNIQUE constraint failed": rows are unique
#              by asset, check, run and partition, and without a run the run's id is the empty text. (Without a
#              partition the column is NULL, which SQL does not take for equal.)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/python -m pip install -q dagster==1.13.27 2>/dev/null
cat > try.py <<'PYTHON'
import tempfile

import dagster as dg

key = dg.AssetKey("frames")


def twice(event):
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        instance.add_dynamic_partitions("videos", ["a.mp4"])
        try:
            for _ in range(2):
                instance.report_runless_asset_event(event)
        except Exception as error:
            return str(error).splitlines()[0]
        return "taken twice"


def check(partition):
    return dg.AssetCheckEvaluation(asset_key=key, check_name="valid", passed=True, partition=partition)


print("materialisation, partition:", twice(dg.AssetMaterialization(key, partition="a.mp4")))
print("check, no partition:       ", twice(check(None)))
print("check, partition:          ", twice(check("a.mp4")))
PYTHON
env/bin/python try.py 2>/dev/null | tee seen
# Output seen:
#   materialisation, partition: taken twice
#   check, no partition:        taken twice
#   check, partition:           (sqlite3.IntegrityError) UNIQUE constraint failed: asset_check_executions.asset_key, …
[ "$(grep -c 'taken twice' seen)" = 2 ] && grep -q '^check, partition: .*UNIQUE constraint failed' seen ||
  { echo "This has changed."; exit 1; }
echo "As described."
