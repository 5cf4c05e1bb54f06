"""Which characters a database can hold: all of them in UTF8, those of its encoding in LATIN1 and its like."""

import codecs
import re
from contextlib import suppress

import psycopg

TAKES_EVERYTHING = frozenset({"UTF8", "SQL_ASCII"})
"""SQL_ASCII keeps whatever bytes it is sent."""
NAMED_OTHERWISE = {"EUC_CN": "gb2312", "SHIFT_JIS_2004": "shift_jis_2004", "KOI8R": "koi8_r", "KOI8U": "koi8_u"}
"""Encodings whose names Python does not know as PostgreSQL spells them."""
LAST_OF_UNICODE = chr(0x10FFFD)


def has(driver: psycopg.Connection, character: str) -> bool:
    """Return whether the encoding of the connected database has the character."""
    return writable(driver, character) == character


def writable(driver: psycopg.Connection, text: str) -> str:
    """Return `text` with a question mark for each character that the encoding of the connected database lacks."""
    if text.isascii():
        return text
    encoding = driver.info.parameter_status("server_encoding") or "UTF8"
    if encoding in TAKES_EVERYTHING:
        return text
    codec = _codec(encoding)
    return text.encode(codec, "replace").decode(codec)


def last_character(driver: psycopg.Connection) -> str:
    """Return the character that sorts after all others by its bytes in the encoding of the connected database."""
    encoding = driver.info.parameter_status("server_encoding") or "UTF8"
    if encoding in TAKES_EVERYTHING:
        return LAST_OF_UNICODE
    codec = _codec(encoding)
    for code in range(0xFFFF, 0x7F, -1):
        sequence = code.to_bytes(2).lstrip(b"\0")
        with suppress(UnicodeDecodeError):
            if len(character := sequence.decode(codec)) == 1:
                return character
    return "~"


def _codec(encoding: str) -> str:
    """Return Python's name of PostgreSQL's encoding; ASCII for one that Python does not have."""
    name = NAMED_OTHERWISE.get(encoding, re.sub(r"^WIN(?=\d)", "cp", encoding))
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"
