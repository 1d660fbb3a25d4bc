"""From scikit-learn to ONNX, and the proof that both answer alike.

The trees are written by hand: skl2onnx 1.20 cannot convert HistGradientBoosting with onnx 1.23, and loses the
indicators of missing values of an imputer, so the other classifiers of scikit-learn would lose them too. ONNX has what is needed:
TreeEnsembleRegressor goes left at `x <= value`, and at a missing value where `nodes_missing_value_tracks_true` says so, which is
what scikit-learn does. Thresholds are float64 there and float32 here; the largest float32 that is not above one splits every
float32 alike.

scikit-learn keeps its trees in attributes that it does not document. The proof is what this rests on: every row of the training is
asked for by itself, as a run will ask, and must give scikit-learn's probability to within TOLERANCE. Else no file is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tapewire.bus.errors import ConfError
from tapewire.replay.training.boosting import SideModel, probabilities
from tapewire.strategies.model_file import KEY, ModelTerms, TrainedModel, load

TOLERANCE = 1e-5
OPSET, TREES_OPSET, IR_VERSION = 18, 3, 9
TREES = "ai.onnx.ml"


def written(models: Sequence[SideModel], terms: ModelTerms) -> bytes:
    """The model with its terms as a file's content. The same model gives the same bytes."""
    from onnx import checker

    made = graph(models, len(terms.features))
    entry = made.metadata_props.add()
    entry.key, entry.value = KEY, msgspec.json.encode(terms, order="deterministic").decode()
    checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


def proved(content: bytes, models: Sequence[SideModel], values: NDArray[np.float32]) -> float:
    """Ask the file for every row, one at a time, and compare with scikit-learn. Returns the largest difference.

    Raises:
        ConfError: it is above TOLERANCE.
    """
    with TemporaryDirectory(prefix="tapewire-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        model = load(str(path))
    wanted = np.column_stack([probabilities(each, values) for each in models])
    given = answers(model, values)
    apart = np.abs(given - wanted).max(axis=1)
    worst = int(apart.argmax())
    if not apart[worst] <= TOLERANCE:
        raise ConfError(
            f"the ONNX file answers {given[worst]} for row {worst}, scikit-learn {wanted[worst]}: the conversion does not hold for "
            f"scikit-learn {terms_of(model)}, so no model is written; install the versions of the extra `model`"
        )
    return float(apart[worst])


def terms_of(model: TrainedModel) -> str:
    """The versions of libraries, for an error."""
    return ", ".join(f"{name} {version}" for name, version in model.terms.libraries.items())


def answers(model: TrainedModel, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a run is answered, row by row."""
    return np.array([model.ask(row) for row in values], np.float64)


def graph(models: Sequence[SideModel], features: int) -> Any:
    """Trees, then per side a sigmoid of slope and offset."""
    from onnx import TensorProto, helper

    trees, base = _trees(models)
    count = len(models)
    curves = [each.fitted.calibrated_classifiers_[0].calibrators[0] for each in models]
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor",
            ["x"],
            ["score"],
            domain=TREES,
            n_targets=count,
            aggregate_function="SUM",
            post_transform="NONE",
            base_values=base,
            **trees,
        ),
        helper.make_node("Mul", ["score", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["p"]),
    ]
    made = helper.make_graph(
        nodes,
        "tapewire",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, count])],
        [
            # Platt's p = 1 / (1 + exp(a score + b)) as a sigmoid of its own sign.
            helper.make_tensor("slope", TensorProto.FLOAT, [count], [-float(curve.a_) for curve in curves]),
            helper.make_tensor("offset", TensorProto.FLOAT, [count], [-float(curve.b_) for curve in curves]),
        ],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES, TREES_OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tapewire")


def _trees(models: Sequence[SideModel]) -> tuple[dict[str, list[Any]], list[float]]:
    """The attributes of all trees, a target per side, and the score of each side without trees."""
    nodes: dict[str, list[Any]] = {
        f"nodes_{name}": []
        for name in (
            *("treeids", "nodeids", "featureids", "modes", "values"),
            *("truenodeids", "falsenodeids", "missing_value_tracks_true"),
        )
    }
    leaves: dict[str, list[Any]] = {f"target_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}
    base: list[float] = []
    tree_id = 0
    for target, each in enumerate(models):
        boosted = each.fitted.calibrated_classifiers_[0].estimator.estimator
        base.append(float(boosted._baseline_prediction.ravel()[0]))
        for (tree,) in boosted._predictors:
            for number, node in enumerate(tree.nodes):
                leaf = bool(node["is_leaf"])
                row = (
                    *(tree_id, number, 0 if leaf else int(node["feature_idx"]), "LEAF" if leaf else "BRANCH_LEQ"),
                    *(0.0 if leaf else _float32(float(node["num_threshold"])), 0 if leaf else int(node["left"])),
                    *(0 if leaf else int(node["right"]), 0 if leaf else int(node["missing_go_to_left"])),
                )
                for values, value in zip(nodes.values(), row, strict=True):
                    values.append(value)
                if leaf:
                    for values, value in zip(leaves.values(), (tree_id, number, target, float(node["value"])), strict=True):
                        values.append(value)
            tree_id += 1
    return nodes | leaves, base


def _float32(threshold: float) -> float:
    """The largest float32 that is not above."""
    near = np.float32(threshold)
    # As Python's floats: numpy compares a float32 and a Python float as float32.
    return float(np.nextafter(near, np.float32(-np.inf))) if float(near) > threshold else float(near)
