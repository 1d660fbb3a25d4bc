"""The file of a trained model: what it says of itself, and its answers.

A file is ONNX as `tapewire train` writes it (replay/training/conversion.py): one input `x` of a row of features, one output `p` of
a probability per side. It is data: it is read from a path of the operator's settings, up to MOST_BYTES, whole and by itself.
Nothing in it is executed but the operators of onnxruntime; it can name no library, and no file beside it.

onnxruntime is the extra `model`. It is imported when a run trades a model, and by nothing else. It answers one row at a time, on
one thread, by the graph as it stands: a batch, a second thread or a rewritten graph give other last bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Direction

KEY = "tapewire"
"""Of the entry in the file's metadata that holds `ModelTerms` as JSON."""

FORM = 1
"""Of that entry. A later form is refused by this version."""

MOST_BYTES = 64 << 20
DIGITS = 6
"""Of an answer: float32 holds seven, and the last one differs between kinds of processor."""

NOWHERE = "/dev/null"  # in it is no file: data outside a model has no place


class ModelTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model file says of itself.

    features: names in the order of the input. digest: of their definitions (strategies/features). instrument, root: of the bars it
    was trained on. first_ns, last_ns: closes of the first bar and of the last one that a label looked at. first, last: the same as
    trade dates. label: its kind; definition: in words. sides: in the order of the output. thresholds: of each side, from 0 to 1.
    auction_row_ticks: of the profile, where a feature reads the auction; else 0. data: sha256 of the rows it was trained on.
    libraries: versions by name.
    """

    form: int
    features: tuple[str, ...]
    digest: str
    instrument: str
    root: str
    first_ns: int
    last_ns: int
    first: str
    last: str
    label: str
    definition: str
    sides: tuple[Direction, ...]
    thresholds: tuple[float, ...]
    auction_row_ticks: int
    data: str
    seed: int
    tapewire: str
    libraries: dict[str, str]


class TrainedModel:
    """A model that answers. terms: what its file says."""

    def __init__(self, terms: ModelTerms, session: Any) -> None:
        import numpy

        self.terms = terms
        self._session = session
        self._row = numpy.empty((1, len(terms.features)), numpy.float32)

    def ask(self, values: Sequence[float]) -> tuple[float, ...]:
        """The probability of each side, for one row. NaN is a missing value, as in training; an answer may be no number."""
        self._row[0] = values
        (answer,) = self._session.run(["p"], {"x": self._row})[0]
        return tuple(round(float(each), DIGITS) for each in answer)


def read(path: str) -> bytes:
    """The content of a model file. Raises ConfError."""
    where = f"path = {path!r}"
    try:
        size = Path(path).stat().st_size if Path(path).is_file() else -1
        if size > MOST_BYTES:
            raise ConfError(f"{where}: {size:,} bytes, and a model has {MOST_BYTES:,} at most; name a file of `tapewire train`")
        if size >= 0:
            return Path(path).read_bytes()
    except OSError as error:
        raise ConfError(f"{where} cannot be read: {error.strerror}") from error
    raise ConfError(f"{where}: there is no such file; name the model.onnx that `tapewire train` wrote")


def pinned(table: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The parameters of a strategy with the path of its model absolute, and the sha256 of the file beside it.

    folder: where a relative path begins. A table without a path, or with a sha256 of its own, keeps what it has.
    """
    found = dict(table)
    if isinstance(path := table.get("path"), str) and path:
        found["path"] = str((Path(folder) / path).resolve())
        if not table.get("sha256"):
            found["sha256"] = hashlib.sha256(read(found["path"])).hexdigest()
    return found


def load(path: str, sha256: str = "") -> TrainedModel:
    """The model in a file.

    Args:
        sha256: of the file's content, as the run has it; empty for any.
    Raises:
        ConfError: it is not there, not that file, no model, or one that these features do not fit; or onnxruntime is missing.
    """
    where = f"path = {path!r}"
    content = read(path)
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ConfError(f"{where} has changed since it was chosen (sha256 {sha256[:12]}...); put that file back, or choose it anew")
    try:
        import onnxruntime as runtime
    except ImportError as error:
        raise ConfError(f"{where} needs onnxruntime: pip install 'tapewire[model]'") from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NOWHERE)
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # its errors have no common class
        words = " ".join(str(error).split())[:200]
        raise ConfError(f"{where} is no model that onnxruntime can load ({words}); name a file of `tapewire train`") from error
    terms = _terms(metadata, where)
    _check(terms, session, where)
    return TrainedModel(terms, session)


def _terms(metadata: Mapping[str, str], where: str) -> ModelTerms:
    if KEY not in metadata:
        raise ConfError(f"{where} does not say what it was trained on (metadata {KEY!r}); train it with `tapewire train`")
    try:
        form = msgspec.json.decode(metadata[KEY]).get("form")
        if form != FORM:
            raise ConfError(f"{where} has form = {form}, this version reads {FORM}; train it again with `tapewire train`")
        return msgspec.json.decode(metadata[KEY], type=ModelTerms)
    except (msgspec.MsgspecError, AttributeError) as error:
        raise ConfError(f"{where}, metadata {KEY!r}: {error}; train it again with `tapewire train`") from error


def _check(terms: ModelTerms, session: Any, where: str) -> None:
    """Refuse a file that contradicts itself or this version's features. Raises ConfError."""
    from tapewire.strategies.features import digest  # here: as onnxruntime

    again = "train it again with `tapewire train`"
    try:
        known = digest(terms.features)
    except ConfError as error:
        raise ConfError(f"{where}, features: {error}; {again}") from error
    if known != terms.digest:
        raise ConfError(
            f"{where}, digest: the definition of a feature has changed since tapewire {terms.tapewire} trained it; {again}"
        )
    if not terms.sides or len(terms.sides) != len(set(terms.sides)) or len(terms.sides) != len(terms.thresholds):
        raise ConfError(f"{where}: sides = {list(terms.sides)}, thresholds = {list(terms.thresholds)} do not fit; {again}")
    if not all(0 <= each <= 1 for each in terms.thresholds):
        raise ConfError(f"{where}: thresholds = {list(terms.thresholds)} are no probabilities; {again}")
    taken = [(each.name, each.type, each.shape[1:]) for each in session.get_inputs()]
    given = [(each.name, each.type, each.shape[1:]) for each in session.get_outputs()]
    if taken != [("x", "tensor(float)", [len(terms.features)])] or given != [("p", "tensor(float)", [len(terms.sides)])]:
        raise ConfError(f"{where}: it takes {taken} and gives {given}, not what its metadata says; {again}")
