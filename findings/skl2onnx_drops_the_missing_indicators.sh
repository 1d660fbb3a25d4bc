#!/usr/bin/env bash
# skl2onnx 1.20.0 converts an imputer without its columns that say what was missing: the converted model decides otherwise, in silence.
#
# Versions: skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.32.0, scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: `SimpleImputer(add_indicator=True)` puts a column of 0 and 1 behind the filled ones for each feature that had missing values,
# because that a value is missing is often the news (no trade in that minute). The converter writes the filling and not the columns. The
# conversion succeeds. A linear model behind it has weights for more columns than come, and the runtime uses the first ones: here it
# agrees with scikit-learn on little more than half of the rows it was fitted to. A forest is refused, but only when it is asked. No
# issue or document that we found speaks of `add_indicator`.
#
# Output seen (3 features, 400 rows; what decides is whether the first one is missing):
#   columns behind the imputer: scikit-learn 6, converted 3
#   a logistic regression behind it: right in scikit-learn 0.95, converted 0.57, the same answer 0.57
#   a forest behind it: converted, and refused when asked
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'skl2onnx==1.20.0' 'onnx==1.23.2' 'onnxruntime==1.32.0' 'scikit-learn==1.9.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys

import numpy
import onnxruntime
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

onnxruntime.set_default_logger_severity(4)
random = numpy.random.default_rng(0)
features = random.normal(size=(400, 3)).astype(numpy.float32)
features[random.random((400, 3)) < 0.3] = numpy.nan
labels = (numpy.isnan(features[:, 0]) ^ (random.random(400) < 0.05)).astype(int)


def converted(model: object, options: dict[str, bool] | None = None) -> numpy.ndarray:
    session = onnxruntime.InferenceSession(to_onnx(model, features[:1], options=options).SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: features})[0]


imputer = SimpleImputer(add_indicator=True).fit(features)
columns = imputer.transform(features).shape[1], converted(imputer).shape[1]
print(f"columns behind the imputer: scikit-learn {columns[0]}, converted {columns[1]}")
linear = make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()).fit(features, labels)
ours, theirs = linear.predict(features), converted(linear, {"zipmap": False})
right, wrong, same = (float(numpy.mean(each)) for each in (ours == labels, theirs == labels, ours == theirs))
print(f"a logistic regression behind it: right in scikit-learn {right:.2f}, converted {wrong:.2f}, the same answer {same:.2f}")
forest = make_pipeline(SimpleImputer(add_indicator=True), RandomForestClassifier(5, random_state=0)).fit(features, labels)
try:
    converted(forest, {"zipmap": False})
    refused = False
except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
    refused = True
print(f"a forest behind it: converted, and {'refused when asked' if refused else 'answered'}")
sys.exit(0 if columns == (6, 3) and right > 0.9 and same < 0.7 and refused else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
