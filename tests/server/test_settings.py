from pathlib import Path

import pytest

from chainrule.server.settings import Settings


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"port": 65536}, "port must be from 0 to 65535"),
        ({"http_port": -1}, "http_port must be from 0 to 65535"),
        ({"warm_workers": -1}, "warm_workers must be >= 0"),
        ({"num_cpus": 0}, "num_cpus must be >= 1"),
        ({"num_cpus": 2, "ray_address": "head:6379"}, "num_cpus is for the embedded Ray"),
    ],
)
def test_wrong_settings_are_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Settings(Path(), **wrong)


@pytest.mark.parametrize(
    ("told", "warm"),
    [
        ({}, 2),
        ({"ray_address": "head:6379"}, 0),
        ({"ray_address": "head:6379", "warm_workers": 5}, 5),
        ({"warm_workers": 0}, 0),
    ],
)
def test_workers_are_kept_ready_where_the_cpus_are_the_services_own(told, warm):
    assert Settings(Path(), **told).warm == warm
