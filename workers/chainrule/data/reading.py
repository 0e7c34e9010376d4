"""How a model's rows are read: what the training data has settled, for every row that is predicted."""

from dataclasses import dataclass, field

from chainrule.data.blocks import Source, names_of
from chainrule.data.fragments import Dialect
from chainrule.data.sources import POSITIONAL, format_of
from chainrule.data.values import STANDARD, ValueFormat
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class Reading:
    """The delimiter, header line and encoding of text files, and how texts are values.

    `places` has all columns of the training data where a file names none, so that they are found by their place;
    `labels` are those of them that a file to predict may lack.
    """

    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    values: ValueFormat = field(default=STANDARD)
    places: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source, spec: JobSpec) -> "Reading":
        """Return how a source was read."""
        dialect, file = source.dialect, source.blocks[0].fragment.file
        format = format_of(file, dialect)
        text = format in ("csv", "tsv")
        placed = format in POSITIONAL or (text and dialect.header is False)
        return cls(
            dialect.delimiter if text else None,
            dialect.header if text else None,
            dialect.encoding if text else None,
            dialect.values,
            names_of(source.blocks) if placed else (),
            tuple(name for name in (*spec.data.targets, spec.data.weight) if name) if placed else (),
        )

    def dialect(self) -> Dialect:
        """Return how a file to predict is read, unless its name says otherwise."""
        return Dialect(None, self.delimiter, self.header, encoding=self.encoding, values=self.values, guessed=True)
