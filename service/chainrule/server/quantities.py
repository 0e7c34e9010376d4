"""Quantities as people write them on the command line: 10G, 100us, 1,2,4,8."""

import re
from typing import Any

import click

_BITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_NUMBER = r"(\d+\.?\d*|\.\d+)"


class Quantity(click.ParamType):  # type: ignore[type-arg]  # older ones have none
    """A number > 0 with a unit behind it."""

    def __init__(self, name: str, units: dict[str, float], suffix: str, example: str) -> None:
        self.name, self._units, self._example = name, units, example
        self._pattern = re.compile(rf"{_NUMBER}\s*([a-zµ]*?){suffix}", re.IGNORECASE)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the quantity in bits/s, or in seconds."""
        if not isinstance(value, str):
            return float(value)
        found = self._pattern.fullmatch(value.strip())
        factor = self._units.get(found[2].lower()) if found else None
        if found is None or factor is None or float(found[1]) == 0:
            self.fail(f"{value!r} is no {self.name}: {self._example}", param, ctx)
        return float(found[1]) * factor


class Counts(click.ParamType):  # type: ignore[type-arg]
    """Whole numbers > 0 with commas between them; so many of them where `exactly` says so."""

    def __init__(self, name: str, example: str, exactly: int | None = None) -> None:
        self.name, self._example, self._exactly = name, example, exactly

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers in the order in which they are given."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        numbers = tuple(int(part) for part in parts if part.isascii() and part.isdigit() and int(part))
        if len(numbers) != len(parts) or self._exactly not in (None, len(numbers)):
            self.fail(f"{value!r} should be {self._example}", param, ctx)
        return numbers


BANDWIDTH = Quantity("bandwidth", _BITS, "(?:bit/s|bps)?", "bits/s as in 10G or 500M")
LATENCY = Quantity("latency", _SECONDS, "", "a time as in 100us or 0.5ms")
COUNTS = Counts("counts", "numbers of workers as in 1,2,4,8")
SHAPE = Counts("shape", "three numbers, as in 60000,784,10: rows, inputs, outputs", exactly=3)
