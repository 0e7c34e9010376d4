"""Texts and comments of a TOML file."""

MOST_CHARACTERS = 300
"""A longer comment is cut off."""


def quoted(text: str) -> str:
    """Return a basic string of TOML."""
    return '"' + "".join(map(_escaped, text)) + '"'


def comment(text: str) -> str:
    """Return a text as one line of comment."""
    line = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return f"# {line if len(line) <= MOST_CHARACTERS else f'{line[:MOST_CHARACTERS]}...'}"


def _escaped(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
