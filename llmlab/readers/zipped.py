"""Members of a zip file, Zstandard ones included, each whole and no larger than it says."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from llmlab.errors import UsageError

MOST: Final = 2**30
"""Bytes of a member, unpacked; a log of one sample that is larger is taken for a mistake."""
_ZSTANDARD: Final = 93
_KNOWN: Final = (ZIP_STORED, ZIP_DEFLATED, _ZSTANDARD)


@contextmanager
def opened(path: Path) -> Iterator["Zipped"]:
    """
    Open a zip file for reading.

    Raises:
        UsageError: It is no zip file, or it is damaged.
    """
    try:
        with ZipFile(path) as file:
            yield Zipped(path, file)
    except (BadZipFile, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise UsageError(f"{path.name} is damaged, or is no zip file: {error}") from None


class Zipped:
    """A zip file that is open."""

    def __init__(self, path: Path, file: ZipFile) -> None:
        self._path = path
        self._file = file
        self._members = {info.filename: info for info in file.infolist()}

    def names(self) -> list[str]:
        """Return the names of the members, in the file's order, each once."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """
        Return a member, unpacked and checked.

        Raises:
            UsageError: It is not there, too large, damaged or packed in an unknown way.
        """
        info = self._members.get(name)
        if info is None:
            raise UsageError(f"{self._path.name} has no {name}")
        if info.file_size > MOST:
            raise UsageError(f"{self._path.name}: {name} is over {MOST:,} bytes")
        if info.compress_type not in _KNOWN:
            raise UsageError(f"{self._path.name}: {name} is packed in a way that is not known")
        if info.compress_type != _ZSTANDARD:
            return self._file.read(info)
        return self._zstandard(info)

    def _zstandard(self, info: ZipInfo) -> bytes:
        """Unpack by pyarrow: the standard library has Zstandard only from Python 3.14."""
        packed = copy(info)
        packed.compress_type, packed.file_size = ZIP_STORED, info.compress_size
        packed.CRC = None  # type: ignore[assignment]  # of the unpacked bytes: looked at below
        try:
            import pyarrow as pa
        except ImportError:
            raise UsageError("this log needs pyarrow: pip install 'llmlab[export]'") from None
        with self._file.open(packed) as stream:
            source = pa.BufferReader(stream.read())
        try:
            made = pa.CompressedInputStream(source, "zstd").read(info.file_size + 1)
        except pa.ArrowException as error:
            raise BadZipFile(f"{info.filename}: {error}") from None
        if len(made) != info.file_size or zlib.crc32(made) != info.CRC:
            raise BadZipFile(f"{info.filename} does not have the bytes that it says")
        return bytes(made)
