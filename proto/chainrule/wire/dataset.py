"""What is known of data that was uploaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chainrule.v1 import training_pb2 as pb

SCHEME = "dataset://"


def told(sentence: str, names: Mapping[str, str]) -> str:
    """Return a sentence with the names that users know in the place of paths."""
    for path, name in names.items():
        sentence = sentence.replace(path, name)
    return sentence


@dataclass(frozen=True)
class Dataset:
    """`dataset://NAME`: the SHA-256 and size of its bytes, and the end of its file's name, which tells its format."""

    name: str
    sha256: str
    size: int
    suffix: str
    uploaded: datetime

    def message(self) -> pb.Dataset:
        """Return the message of the data set."""
        uploaded = Timestamp()
        uploaded.FromDatetime(self.uploaded)
        return pb.Dataset(name=self.name, sha256=self.sha256, size=self.size, suffix=self.suffix, uploaded=uploaded)

    @classmethod
    def from_message(cls, message: pb.Dataset) -> "Dataset":
        """Return the data set of a message."""
        return cls(message.name, message.sha256, int(message.size), message.suffix, message.uploaded.ToDatetime(UTC))
