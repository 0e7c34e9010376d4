import numpy as np

from chainrule.worker.machine import describe_machine


def test_a_machine_is_described_by_all_that_its_bits_depend_on():
    machine = describe_machine()
    assert machine.numpy == np.__version__
    assert all((machine.host, machine.cpu, machine.blas))
    assert machine == describe_machine()
