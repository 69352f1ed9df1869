#!/usr/bin/env bash
# lightly-mundig 0.1.16: weights of which none is above zero (log-probabilities, centred scores) are no weights at all.
# The first samples are returned, without an error; the same weights plus a constant give the order that was asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightly-mundig==0.1.16 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata, sys
from lightly_mundig import Selection

def selected(weights):
    selection = Selection()
    selection.add_weighting_strategy(weights, 1.0)
    return selection.run_selection([], len(weights), 2)

given = [-3.0, -2.0, -1.0, -0.5]
plain, moved = selected(given), selected([one + 4 for one in given])
print("lightly-mundig", importlib.metadata.version("lightly-mundig"))
print(f"expected: the two largest of {given}, which are samples [3, 2], or an error")
print(f"behaviour: {plain}; with 4 added to each weight {moved}")
sys.exit(0 if plain == [0, 1] and moved == [3, 2] else 1)
PYTHON
