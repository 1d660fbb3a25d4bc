#!/usr/bin/env bash
# tsfracdiff 1.0.4: FitTransform fits the first time only, and the settings of one object's test become those of every later object.
#
# Versions: tsfracdiff 1.0.4, arch 8.0.0, numpy 2.4.6, pandas 3.1.1, CPython 3.11, Linux x86-64.
#
# Behaviour: `FitTransform(df)` is documented to estimate the order of integration and to transform. An object that was fitted before is not
# fitted again: it differentiates the new data with the old orders, without a word. In a walk through folds or instruments with one
# object everything is treated like the first one. And `unitRootTestConfig` updates a dictionary that is the default of the class: a test
# with a constant and a trend, asked for once, is what all objects made afterwards use, though they are made without any setting.
#
# Output seen (a random walk, then independent noise of the same length):
#   order of the noise by a fresh object: 0; by FitTransform of an object that had the walk before: not 0, that of the walk: True
#   trend of the default test before: n; after another object asked for ct: ct
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'tsfracdiff==1.0.4' 'arch==8.0.0' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys

import numpy
import pandas
from tsfracdiff import FractionalDifferentiator

random = numpy.random.default_rng(7)
noise = pandas.DataFrame({"x": random.normal(size=1500)})
walk = random.normal(size=(1500, 1)).cumsum(axis=0) + 1000
walk = pandas.DataFrame(walk, columns=["x"])

fresh = FractionalDifferentiator()
fresh.FitTransform(noise, parallel=False)
used = FractionalDifferentiator()
used.FitTransform(walk, parallel=False)
of_the_walk = list(used.orders)
used.FitTransform(noise, parallel=False)
kept = used.orders == of_the_walk and used.orders != [0]
print(
    f"order of the noise by a fresh object: {fresh.orders[0]}; "
    f"by FitTransform of an object that had the walk before: not 0, that of the walk: {kept}"
)
before = FractionalDifferentiator().UnitRootTest.config["trend"]
FractionalDifferentiator(unitRootTestConfig={"trend": "ct"})
after = FractionalDifferentiator().UnitRootTest.config["trend"]
print(f"trend of the default test before: {before}; after another object asked for ct: {after}")
sys.exit(0 if fresh.orders == [0] and kept and (before, after) == ("n", "ct") else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
