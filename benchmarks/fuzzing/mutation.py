"""Another file of a valid one, by a seeded source of chance: bytes, words and the parts of its format are changed."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable

import numpy as np

#: In the place of a word: what parsers, numbers, paths, terminals and spreadsheets trip over.
WORDS = (
    "", "nan", "inf", "-inf", "-1", "0", "1", "1e400", "-1e-400", "9" * 30, "9" * 5000, str(2**31), str(2**63), "1.5",
    "true", "null", "on", "~", "[]", "{}", "[[[[", "}", "]", ",", ":", '"', "'", "\\", "\n", "\t", "- ", "? ", "<<",
    "*a", "&a", "&a [*a]", "!!python/name:os.system", "!x", "2024-13-45", "=1+1", "@x", "..", "../../x", ".", "/", "~x",
    "\x1b]0;x\x07", "\x1b[2J", "\u202e", "\x00", "é" * 3, "x" * 3000, "[" * 3000, "{a: " * 300,
)  # fmt: skip
_WORD = re.compile(r"[\w.+-]+")

Change = Callable[[bytes, random.Random], bytes]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """`content` after one to three changes that suit what it is."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_changes(content))(content, rng)
    return content


def _changes(content: bytes) -> list[Change]:
    raw: list[Change] = [_bytes]
    if content.startswith(b"PK"):
        return [*raw, *[_member] * 4]
    if content.startswith(b"\x93NUMPY"):
        return [*raw, *[_array] * 3]
    length = int.from_bytes(content[:8], "little")
    if content[8:9] == b"{" and length < len(content):
        return [*raw, *[_safetensors] * 4]
    if b"\0" not in content[:4096]:
        return [*raw, *[_text] * 3, _lines]
    return raw


def _bytes(content: bytes, rng: random.Random) -> bytes:
    """A few bytes flipped, overwritten, cut, doubled or put in."""
    if not content:
        return rng.randbytes(rng.randrange(64))
    start = rng.randrange(len(content)) if rng.random() < 0.6 else rng.randrange(min(len(content), 256))
    length = min(rng.choice((1, 1, 2, 4, 8, 64, 1024)), len(content) - start)
    end = start + length
    kinds = {
        "flip": content[:start] + bytes([content[start] ^ (1 << rng.randrange(8))]) + content[start + 1 :],
        "overwrite": content[:start] + rng.choice((b"\0", b"\xff", b"\x80", b"\x7f")) * length + content[end:],
        "cut": content[:start],
        "remove": content[:start] + content[end:],
        "double": content[:end] + content[start:],
        "insert": content[:start] + rng.randbytes(length) + content[start:],
    }
    return kinds[rng.choice(list(kinds))]


def _text(content: bytes, rng: random.Random) -> bytes:
    """A word replaced by another of the text, or of `WORDS`."""
    text = content.decode("utf-8", "surrogateescape")
    found = list(_WORD.finditer(text))
    if not found:
        return _bytes(content, rng)
    place = rng.choice(found)
    new = rng.choice(found)[0] if rng.random() < 0.25 else rng.choice(WORDS)
    return (text[: place.start()] + new + text[place.end() :]).encode("utf-8", "surrogateescape")


def _lines(content: bytes, rng: random.Random) -> bytes:
    """A line removed, doubled or moved."""
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return _text(content, rng)
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.choice((0, 1, 2, 2))):
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _member(content: bytes, rng: random.Random) -> bytes:
    """One file of an archive changed, replaced, removed or given twice; checksums and sizes are right again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # an earlier change has broken it
        return _bytes(content, rng)
    if not members:
        return _bytes(content, rng)
    place = rng.randrange(len(members))
    name, inside = members[place]
    kind = rng.random()
    if kind < 0.6:
        members[place] = name, mutated(inside, rng)
    elif kind < 0.8:
        members[place] = name, _npy(_strange(rng))
    elif kind < 0.9:
        members.pop(place)
    else:
        members[place] = name, rng.choice(members)[1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, data in members:
            archive.writestr(each, data)
    return buffer.getvalue()


def _array(content: bytes, rng: random.Random) -> bytes:
    """Its header's words or values changed, or another array."""
    if rng.random() < 0.3:
        return _npy(_strange(rng))
    begin, end = 10, 10 + int.from_bytes(content[8:10], "little")
    if rng.random() < 0.6:
        header = _text(content[begin:end], rng)[:65_000]
        return content[:8] + len(header).to_bytes(2, "little") + header + content[end:]
    return content[:end] + _bytes(content[end:], rng)


def _strange(rng: random.Random) -> np.ndarray:
    """Arrays that no reader here expects, or hardly."""
    count = rng.choice((0, 1, 3, 50, 60))
    values = np.arange(count)
    return rng.choice([
        values, -values - 5, values.astype("f4") * np.nan, values * 1e300, values + 1j, values.astype(str), values > 2,
        values.astype("S3"), values.astype(object), values.astype("M8[s]"), np.zeros((count, 2), "f2,i4"),
        np.zeros((count, 0)), np.zeros((0, 7)), np.array(7), np.array(""), np.array("{"), np.array("[" * 2000),
        np.array("\x1b]0;x\x07"), np.zeros((2, 3, 4)), np.full(count, 2**62), np.full(count, -(2**62)),
        np.full(count, "=cmd|x"), np.full((count, 4), 1e38, "f4"), np.asfortranarray(np.ones((count, 3))),
        np.zeros(1 << 22),
    ])  # fmt: skip


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """A word of its header changed, the header's length being right again."""
    length = int.from_bytes(content[:8], "little")
    header = _text(content[8 : 8 + length], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]
