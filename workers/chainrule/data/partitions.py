"""What the folders of a Hive-partitioned data set say of their files: year=2024/month=5/part-0.parquet. Pure."""

from urllib.parse import unquote

from chainrule.data.faults import Faulty

NULL = "__HIVE_DEFAULT_PARTITION__"
"""What stands for a missing value in a folder's name."""


def partition_of(base: str, path: str) -> dict[str, str | None]:
    """Return the names and values that the folders between `base` and the file at `path` tell, as texts.

    Folders above `base`, and those without `=`, tell nothing. Names and values are percent-decoded. Where two folders
    have one name, the outer one holds. Raises Faulty for a name that is not UTF-8 once it is decoded.
    """
    folder = f"{base.rstrip('/')}/" if base else ""
    if not path.startswith(folder):
        return {}
    values: dict[str, str | None] = {}
    for segment in path[len(folder) :].split("/")[:-1]:
        name, told, value = segment.partition("=")
        if told:
            text = _decoded(value, segment)
            values.setdefault(_decoded(name, segment), None if text == NULL else text)
    return values


def _decoded(text: str, segment: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Faulty(f"lies in the folder {segment!r}, whose name is not UTF-8 once it is percent-decoded") from None
