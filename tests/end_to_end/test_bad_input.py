"""Wrong input: one clear sentence, and everything else goes on."""

import re
import signal
import socket

import pytest


def rows(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def good_rows(count=200):
    return [f"{i % 7},{i % 5},{'yes' if i % 3 else 'no'}" for i in range(count)]


def reason_of_failure(service, job):
    job_id = service.submit(job)
    assert service.run("watch", job_id, code=1)
    shown = service.json("show", job_id)
    assert shown["state"] == "FAILED"
    assert shown["weights_sha256"] is None
    return shown["reason"]


BAD_FILES = {
    "text where a number should be": (
        ["a,b,label", *good_rows(9), "7,x,no"],
        r"row 10, column 'b' is 'x', not a number",
    ),
    "an empty cell": (["a,b,label", *good_rows(9), "7,,no"], r"row 10, column 'b' has no number"),
    "not a number": (["a,b,label", *good_rows(9), "7,nan,no"], r"row 10, column 'b' has no number"),
    "infinity": (["a,b,label", *good_rows(9), "inf,1,no"], r"row 10, column 'a' is inf"),
    "beyond float32": (["a,b,label", *good_rows(9), "1e300,1,no"], r"row 10, column 'a' is 1e\+300"),
    "one class": (["a,b,label", *["1,2,yes"] * 9], r"one class only \(yes\)"),
    "no label in a row": (["a,b,label", *good_rows(9), "1,2,"], r"row 10 has no label"),
    "a missing label column": (["a,b,target", *good_rows(9)], r"no column 'label'.* it has a, b, target"),
    "a header only": (["a,b,label"], r"has no rows"),
    "a ragged row": (["a,b,label", *good_rows(9), "1,2"], r"row 10 has 2 values, the header line 3"),
    "two columns of one name": (["a,a,label", *good_rows(9)], r"more than one column named 'a'"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_data_fails_the_job_with_file_row_and_column(service, job_file, tmp_path, case):
    lines, sentence = BAD_FILES[case]
    path = rows(tmp_path / "rows.csv", *lines)
    reason = reason_of_failure(service, job_file(data={"train": path}, training={"batch_size": 4}))
    assert path in reason
    assert re.search(sentence, reason), reason


def test_a_file_that_is_not_there_is_refused_at_submit(service, job_file, tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "absent.csv", tmp_path / "empty", tmp_path / "*.parquet"):
        for field in ("train", "validation"):
            error = service.run("submit", job_file(data={field: str(path)}), code=2).stderr
            assert error.startswith(f"Error: data.{field} is not readable by the service: cannot read {path}: ")


def test_a_batch_larger_than_the_data_is_named_with_the_largest_that_fits(service, job_file, tmp_path):
    path = rows(tmp_path / "rows.csv", "a,b,label", *good_rows(101))
    reason = reason_of_failure(service, job_file(data={"train": path}))
    assert reason == "training.batch_size is 128, more than the 81 training rows: the largest that fits is 80"


def test_the_last_layer_must_have_as_many_units_as_the_data_has_classes(service, job_file):
    network = {"layers": [{"units": 8}, {"units": 3, "activation": "softmax"}]}
    assert "network.layers[1].units is 3, but the label 'label' needs 10" in reason_of_failure(
        service, job_file(network=network)
    )


def test_a_network_that_does_not_fit_in_memory_is_refused_before_it_is_made(service, job_file):
    network = {"layers": [{"units": 2_000_000}, {"units": 2_000_000}, {}]}
    reason = reason_of_failure(service, job_file(network=network))
    assert re.search(
        r"4,000,1\d\d,\d\d\d,\d\d\d weights and biases .* needs [\d,.]+ GB, but [\d,.]+ GB are free", reason
    )


def test_a_loss_that_is_not_finite_fails_the_job_and_says_what_may_help(service, job_file):
    reason = reason_of_failure(
        service, job_file(optimizer={"learning_rate": 1e30}, network={"layers": [{"units": 8}, {"units": 8}, {}]})
    )
    assert re.search(r"not finite at step \d+: a smaller optimizer.learning_rate may help", reason)


def test_every_violation_of_a_job_is_told_at_once_with_its_path(service, job_file):
    job = job_file(
        network={"layers": [{"units": 8}, {"units": 0}]},
        training={"batch_size": 130, "epoch": 3},
        optimizer={"learning_rate": -1},
    )
    done = service.run("submit", job, code=2)
    for sentence in (
        "network.layers[1].units must be >= 1",
        "training.epoch is not a field of a job; did you mean epochs?",
        "training.batch_size must be divisible by the number of shards (4): the nearest that is, is 128",
        "optimizer.learning_rate must be > 0",
    ):
        assert f"Error: {sentence}\n" in done.stderr


def test_a_job_file_that_is_no_toml_is_refused_with_its_line(service, tmp_path):
    (tmp_path / "job.toml").write_text('name = "digits"\n[data\n')
    done = service.run("submit", tmp_path / "job.toml", code=2)
    assert "line 2" in done.stderr


@pytest.mark.parametrize(
    "command", [("show",), ("watch",), ("cancel",), ("delete",), ("download", "-o", "model.safetensors")]
)
def test_an_unknown_job_is_refused(service, command):
    assert "there is no job 'nobody'" in service.run(command[0], "nobody", *command[1:], code=2).stderr


def test_a_second_service_on_the_same_data_folder_is_refused(service):
    sentence = service.fails_to_serve("--data-dir", str(service.data_dir), "--port", "0", "--http-port", "0")
    assert f"in use by another service (process {service.process.pid})" in sentence


def test_a_second_service_on_the_same_port_is_refused(service, tmp_path):
    port = service.address.rpartition(":")[2]
    sentence = service.fails_to_serve("--data-dir", str(tmp_path / "own"), "--port", port, "--http-port", "0")
    assert f"cannot listen on 127.0.0.1:{port}" in sentence
    assert "--port" in sentence

    port = service.http.rpartition(":")[2]
    sentence = service.fails_to_serve("--data-dir", str(tmp_path / "own"), "--port", "0", "--http-port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in sentence
    assert "--http-port" in sentence


def test_a_data_folder_that_cannot_be_made_is_refused(service, tmp_path):
    (tmp_path / "file").write_text("")
    sentence = service.fails_to_serve("--data-dir", str(tmp_path / "file" / "data"), "--port", "0", "--http-port", "0")
    assert "cannot be used" in sentence


def test_a_ray_that_is_not_there_is_named(service, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("--data-dir", str(tmp_path / "own"), "--port", "0", "--http-port", "0", "--ray-address", address)
    assert f"no Ray answers at {address}" in service.fails_to_serve(*options)


def test_jobs_read_files_of_the_data_roots_only(service_class, job_file, tmp_path):
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        rows(tmp_path / name / "rows.csv", "a,b,label", *good_rows())
    (tmp_path / "inside" / "link.csv").symlink_to(tmp_path / "outside" / "rows.csv")
    careful = service_class(tmp_path / "careful" / "data")
    careful.data_dir.mkdir(parents=True)
    careful.start("--num-cpus", "1", "--data-root", str(tmp_path / "inside"))
    try:
        for way in ("outside/rows.csv", "inside/../outside/rows.csv", "inside/link.csv"):
            job = job_file(data={"train": str(tmp_path / way)}, training={"batch_size": 4})
            refused = careful.run("submit", job, "--no-upload", code=2).stderr
            assert "lies outside of the folders that this service reads" in refused
            assert careful.json("list") == careful.json("datasets") == []
        job = job_file(data={"train": str(tmp_path / "inside/rows.csv")}, training={"batch_size": 4, "epochs": 1})
        assert careful.finish(careful.submit(job))["state"] == "SUCCEEDED"
    finally:
        careful.end(signal.SIGTERM)


def test_after_all_this_a_job_still_trains(service, job_file):
    assert service.finish(service.submit(job_file(training={"epochs": 2})))["state"] == "SUCCEEDED"


def test_a_service_that_waits_for_ray_ends_at_sigterm(service_class, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        waiting = service_class(tmp_path / "data")
        waiting.launch("--ray-address", address)
        silent.accept()[0].close()
        assert waiting.end(signal.SIGTERM) == 0
