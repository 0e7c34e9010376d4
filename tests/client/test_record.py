def test_a_record_is_read_step_by_step(client):
    with client.record("a1") as (header, steps):
        assert (header.job.id, header.data_sha256, header.machines) == ("a1", "5eed", ("a machine",))
        assert [step.version for step in steps] == [0, 1, 2, 3, 4]
    with client.record("a1", 2, 3) as (_, steps):
        assert [step.version for step in steps] == [2, 3]


def test_a_receipt_is_a_document(client):
    assert client.receipt("a1") == {"result": {"steps": 100}}
