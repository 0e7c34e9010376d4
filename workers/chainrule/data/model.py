"""A trained model as a file: W, B, and all that is needed to predict raw rows (safetensors)."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors import safe_open
from safetensors.numpy import save_file

from chainrule.data.dataset import DatasetSummary
from chainrule.data.faults import Faulty
from chainrule.data.tables import check_names, tidy
from chainrule.nn import Array, Parameters, predict
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

METADATA = "chainrule.model.v1"


@dataclass(frozen=True)
class Model:
    """The parameters of a version, with the job and the summary of the data that they came from."""

    spec: JobSpec
    summary: DatasetSummary
    parameters: Parameters
    version: int

    def save(self, path: Path) -> None:
        """Write W1, B1, W2, B2, ... as tensors and the rest as metadata."""
        content = {"version": self.version, "spec": self.spec.document(), "data": self.summary.document()}
        tensors = {name: np.ascontiguousarray(array) for name, array in self.parameters.named()}
        # One key: safetensors writes several in an order that changes, and the same model is to be the same bytes.
        save_file(tensors, path, {METADATA: json.dumps(content)})

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read a file that `save` has written."""
        with safe_open(path, "numpy") as file:
            content = json.loads(file.metadata()[METADATA])
            spec, summary = parse_spec(content["spec"]), DatasetSummary.from_document(content["data"])
            parameters = Parameters.empty(summary.network(spec).sizes)
            for name, array in parameters.named():
                array[...] = file.get_tensor(name)
        return cls(spec, summary, parameters, content["version"])

    def predict(self, table: pa.Table, source: str = "the table") -> Array:
        """Return A^N (rows, n^N); the input columns are found by name, others are ignored. Raises InvalidData."""
        try:
            return self.outputs(table)
        except Faulty as error:
            raise error.fault.found(source) from None

    def outputs(self, table: pa.Table) -> Array:
        """Return the same. Raises Faulty."""
        outputs = predict(self.summary.network(self.spec), self.parameters, self._inputs(table))
        return self.summary.target_scaling.invert(outputs) if self.summary.target_scaling else outputs

    def _inputs(self, table: pa.Table) -> Array:
        there, wanted = set(table.column_names), set(self.summary.columns)
        missing = [column for column in self.summary.columns if column not in there]
        if missing:
            raise Faulty(f"has no column {missing[0]!r}")
        check_names([name for name in table.column_names if name in wanted])
        preprocessing = self.summary.preprocessing
        X = preprocessing.apply(tidy(table.select(self.summary.columns)))
        wrong = np.argwhere(~np.isfinite(X))
        if len(wrong):
            row, feature = map(int, wrong[0])
            raise Faulty("is too far from what the model was trained on", row, preprocessing.features[feature])
        return X
