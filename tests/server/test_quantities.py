import click
import pytest

from chainrule.server.quantities import BANDWIDTH, COUNTS, LATENCY, SHAPE


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (BANDWIDTH, "10G", 10e9),
        (BANDWIDTH, "2.5 Gbit/s", 2.5e9),
        (BANDWIDTH, "500m", 500e6),
        (BANDWIDTH, "100kbps", 1e5),
        (BANDWIDTH, "1000000", 1e6),
        (BANDWIDTH, 1e9, 1e9),
        (LATENCY, "100us", 1e-4),
        (LATENCY, "100 µs", 1e-4),
        (LATENCY, "0.5ms", 5e-4),
        (LATENCY, ".1s", 0.1),
        (COUNTS, "1,2, 4", (1, 2, 4)),
        (SHAPE, "60000,784,10", (60000, 784, 10)),
    ],
)
def test_quantities_are_read(kind, text, value):
    assert kind.convert(text, None, None) == pytest.approx(value)


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        (BANDWIDTH, "10X", "'10X' is no bandwidth: bits/s as in 10G or 500M"),
        (BANDWIDTH, "-1G", "is no bandwidth"),
        (BANDWIDTH, "0G", "is no bandwidth"),
        (LATENCY, "100", "'100' is no latency: a time as in 100us or 0.5ms"),
        (LATENCY, "fast", "is no latency"),
        (COUNTS, "1,,2", "'1,,2' should be numbers of workers as in 1,2,4,8"),
        (COUNTS, "0", "should be numbers"),
        (COUNTS, "1.5", "should be numbers"),
        (SHAPE, "60000,784", "rows, inputs, outputs"),
    ],
)
def test_what_is_no_quantity_is_refused_with_an_example(kind, text, sentence):
    with pytest.raises(click.BadParameter) as error:
        kind.convert(text, None, None)
    assert sentence in error.value.message
