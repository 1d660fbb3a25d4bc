"""The file of a model: what it must say of itself, and what of it is refused, with the field and the remedy."""

from __future__ import annotations

import builtins
import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tapewire.bus.errors import ConfError
from tapewire.strategies import model_file
from tapewire.strategies.features import FEATURES
from tests import models

Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of both sides."""
    out = tmp_path_factory.mktemp("trained") / "out"
    models.trained(out)
    return out / "model.onnx"


def changed(file: Path, tmp_path: Path, change: Change) -> str:
    """The path of a copy of the model in which something is otherwise."""
    made = onnx.load(file)
    change(made)
    path = tmp_path / "changed.onnx"
    path.write_bytes(made.SerializeToString())
    return str(path)


def terms(**fields: object) -> Change:
    """Other words of a model about itself; None takes one away."""

    def change(made: Any) -> None:
        (entry,) = made.metadata_props
        told = {**json.loads(entry.value), **fields}
        entry.value = json.dumps({name: value for name, value in told.items() if value is not None})

    return change


def test_a_model_answers_a_row_with_a_probability_per_side(file: Path) -> None:
    """Missing values, too, and the same row always alike."""
    model = model_file.load(str(file))
    full, empty = [0.5] * 6, [math.nan] * 6

    answers = [model.ask(row) for row in (full, empty, full)]

    assert model.terms.sides == ("LONG", "SHORT")
    assert answers[0] == answers[2] != answers[1]
    assert all(0 < each < 1 for answer in answers for each in answer)


def test_the_file_says_what_it_was_trained_on(file: Path) -> None:
    told = model_file.load(str(file)).terms

    assert (told.instrument, told.root, told.first, told.last) == ("MNQ", "NQ", "2026-01-05", "2026-01-20")
    assert told.features == models.NAMES
    assert told.last_ns == models.rows().ends_ns.max()
    assert set(told.libraries) == {"scikit-learn", "onnx", "onnxruntime", "numpy"}


def forgets(made: Any) -> None:
    del made.metadata_props[:]


def renamed(made: Any) -> None:
    made.graph.input[0].name = made.graph.node[0].input[0] = "y"


def elsewhere(made: Any) -> None:
    """A tensor whose numbers lie in a file beside the model."""
    (tensor, *_) = made.graph.initializer
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ones(2, np.float32), tensor.name))
    onnx.external_data_helper.set_external_data(tensor, "beside.bin")
    tensor.ClearField("raw_data")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (forgets, r"does not say what it was trained on .*train it with `tapewire train`"),
        (terms(form=2), r"has form = 2, this version reads 1"),
        (terms(digest=None), r"missing required field `digest`"),
        (terms(thresholds=["high", "low"]), r"Expected `float`, got `str` - at `\$.thresholds"),
        (terms(more=1), r"unknown field `more`"),
        (terms(digest="0" * 64), r"digest: the definition of a feature has changed since tapewire .*train it again"),
        (terms(features=["rth_flags"]), r"features: unknown feature 'rth_flags'.*rth_flag"),
        (terms(sides=["LONG", "LONG"]), r"sides = \['LONG', 'LONG'\].* do not fit"),
        (terms(thresholds=[0.5, 1.5]), r"thresholds = \[0.5, 1.5\] are no probabilities"),
        (renamed, r"takes \[\('y'"),
        (elsewhere, r"is no model that onnxruntime can load"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(file: Path, tmp_path: Path, change: Change, words: str) -> None:
    """With what is wrong and what to do; and never with anything from beside it."""
    (tmp_path / "beside.bin").write_bytes(np.ones(2, np.float32).tobytes())
    path = changed(file, tmp_path, change)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(ConfError, match=words) as raised:
            model_file.load(path)
    assert f"path = {path!r}" in str(raised.value)


def test_a_changed_definition_of_a_feature_refuses_the_model(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another revision is another digest."""
    from tapewire.strategies.features import stream

    name = models.NAMES[0]
    other = {**FEATURES, name: FEATURES[name]._replace(revision=99)}
    monkeypatch.setattr(stream, "FEATURES", other)

    with pytest.raises(ConfError, match="digest: the definition of a feature has changed"):
        model_file.load(str(file))


@pytest.mark.parametrize("content", [b"", b"no model" * 100])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)

    with pytest.raises(ConfError, match="is no model that onnxruntime can load"):
        model_file.load(str(path))


def test_a_large_file_a_folder_and_none_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at first."""
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(model_file.MOST_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))

    with pytest.raises(ConfError, match=r"67,108,865 bytes, and a model has 67,108,864 at most"):
        model_file.load(str(path))
    for other in (tmp_path, tmp_path / "none.onnx"):
        with pytest.raises(ConfError, match=r"there is no such file; name the model.onnx"):
            model_file.load(str(other))


def test_a_file_that_was_changed_since_is_refused(file: Path) -> None:
    """A run starts again with the model that it began with, or not at all."""
    model_file.load(str(file), hashlib.sha256(file.read_bytes()).hexdigest())

    with pytest.raises(ConfError, match=r"has changed since it was chosen"):
        model_file.load(str(file), "0" * 64)


def test_without_onnxruntime_the_remedy_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(ConfError, match=r"needs onnxruntime: pip install 'tapewire\[model\]'"):
        model_file.load(str(file))


def test_a_run_without_a_model_loads_nothing_of_it() -> None:
    """Neither the runtime nor the features; the evaluator starts as before."""
    program = (
        "import sys; from tapewire.daemons import evaluation; from tapewire.daemons.settings import load; load.preset('seed'); "
        "print([name for name in sys.modules if 'onnx' in name or 'numpy' in name or 'strategies.features' in name])"
    )

    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env=os.environ)

    assert done.stdout == "[]\n"
