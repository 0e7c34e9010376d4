"""Jobs that are suggested for small tables learn them about as well as other libraries do."""

import pyarrow as pa
import pytest
from pyarrow import csv
from sklearn import datasets
from sklearn.model_selection import train_test_split
from suggesting import job
from threadpoolctl import threadpool_limits
from training_here import train


@pytest.mark.parametrize(("name", "accuracy"), [("iris", 0.93), ("wine", 0.94)])
def test_small_tables_are_learned(tmp_path, name, accuracy):
    found = getattr(datasets, f"load_{name}")()
    X, held_X, y, held_y = train_test_split(
        found.data, found.target, test_size=0.2, random_state=0, stratify=found.target
    )
    names = [f"c{i}" for i in range(X.shape[1])]
    csv.write_csv(pa.table({**dict(zip(names, X.T, strict=True)), "y": y}), tmp_path / f"{name}.csv")
    with threadpool_limits(1):
        model = train(job(tmp_path / f"{name}.csv", "y"))
    outputs = model.outputs(pa.table(dict(zip(names, held_X.T, strict=True))))
    right = [model.summary.classes[i] == str(label) for i, label in zip(outputs.argmax(axis=1), held_y, strict=True)]
    assert sum(right) / len(right) >= accuracy
