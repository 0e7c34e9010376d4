"""A trained model as a file: W, B, and all that is needed to predict raw rows (safetensors)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from chainrule.data.dataset import DatasetSummary
from chainrule.data.faults import Faulty
from chainrule.data.tables import check_names, tidy
from chainrule.nn import Array, Parameters, predict
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

METADATA, FIRST_METADATA = "chainrule.model.v2", "chainrule.model.v1"
MISSING_APPLIED = b"chainrule.missing_applied"
"""In the metadata of a table's schema: its reader knew which texts were quoted, and has made the missing ones null."""
OLD_MODEL = (
    "this model was written by an older version, which chose a category's word by the type of a whole block of rows: "
    "words are matched as nearly as they can be; training again makes them exact"
)


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
            metadata = file.metadata()
            content = json.loads(metadata.get(METADATA) or metadata[FIRST_METADATA])
            spec, summary = parse_spec(content["spec"]), DatasetSummary.from_document(content["data"])
            parameters = Parameters.empty(summary.network(spec).sizes)
            for name, array in parameters.named():
                array[...] = file.get_tensor(name)
        return cls(spec, summary, parameters, content["version"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know of predictions from this model."""
        return (OLD_MODEL,) if self.summary.reading.values.legacy else ()

    def predict(self, table: pa.Table, source: str = "the table") -> NDArray[Any]:
        """Return A^N (rows, n^N); the input columns are found by name, others are ignored. Raises InvalidData.

        Numbers are in the label's unit, float64 where they were scaled.
        """
        try:
            return self.outputs(table)
        except Faulty as error:
            raise error.fault.found(source) from None

    def outputs(self, table: pa.Table) -> NDArray[Any]:
        """Return the same. Raises Faulty."""
        outputs = predict(self.summary.network(self.spec), self.parameters, self.inputs(table))
        return self.summary.target_scaling.invert(outputs) if self.summary.target_scaling else outputs

    def inputs(self, table: pa.Table) -> Array:
        """Return the network's inputs X (rows, n^0). Raises Faulty."""
        values, wanted = self.summary.reading.values, set(self.summary.columns)
        if values.legacy:  # a name of theirs may have blanks around it
            names = {name.strip(): name for name in self.summary.columns}
            table = table.rename_columns([names.get(name.strip(), name) for name in table.column_names])
        missing = [column for column in self.summary.columns if column not in set(table.column_names)]
        if missing:
            raise Faulty(f"has no column {missing[0]!r}")
        check_names([name for name in table.column_names if name in wanted])
        applied = MISSING_APPLIED in (table.schema.metadata or {})
        words = ("",) if applied or (values.missing is None and not values.legacy) else values.missing_words
        preprocessing = self.summary.preprocessing
        X = preprocessing.apply(tidy(table.select(self.summary.columns), words))
        wrong = np.argwhere(~np.isfinite(X))
        if len(wrong):
            row, feature = map(int, wrong[0])
            raise Faulty("is too far from what the model was trained on", row, preprocessing.features[feature])
        return X
