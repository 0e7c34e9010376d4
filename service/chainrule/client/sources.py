"""What a user calls data, a path or dataset://NAME -> what can be read here."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from chainrule.client.client import Client
from chainrule.data.description import Description, describe
from chainrule.data.given import given_dialect
from chainrule.wire.dataset import SCHEME, told
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import JobSpec

Connect = Callable[[], AbstractContextManager[Client]]


def described(source: str, connect: Connect, reading: Mapping[str, Any] = MappingProxyType({})) -> Description:
    """Look at all rows of a source: here, or in the service where it lies there. Raises InvalidData, InvalidJob.

    `reading` are fields of a job's `data` that say how the files are read.
    """
    dialect = given_dialect(reading)
    if not source.startswith(SCHEME):
        return describe(source, dialect)
    with connect() as client:
        return client.describe(source.removeprefix(SCHEME), reading)


@contextmanager
def fetched(spec: JobSpec, connect: Connect) -> Iterator[JobSpec]:
    """Give the job with files, which are there meanwhile, in the place of data sets. Raises DatasetNotFound.

    An InvalidData that the body raises tells of the data set, not of the file.
    """
    data, places = spec.data, dict[str, str]()
    sources = dict.fromkeys(filter(None, (data.train, data.validation)))
    uploaded = [source for source in sources if source.startswith(SCHEME)]
    if not uploaded:
        yield spec
        return
    with TemporaryDirectory(prefix="chainrule-") as folder, connect() as client:
        for source in uploaded:
            (place := Path(folder) / source.removeprefix(SCHEME)).mkdir()
            places[source] = str(client.fetch(place.name, place))
        validation = data.validation and places.get(data.validation, data.validation)
        try:
            yield replace(spec, data=replace(data, train=places.get(data.train, data.train), validation=validation))
        except InvalidData as error:
            raise InvalidData(told(str(error), {path: source for source, path in places.items()})) from None
