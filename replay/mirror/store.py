"""A store that fsspec reaches. A file appears there whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

from tapewire.bus.errors import ConfError, Transient

INSTALL = "pip install 'tapewire[mirror]'"


class Store(Protocol):
    """Where files are copied to."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of its name. Raises Transient: the store is away, or refuses."""


class FsspecStore:
    """A folder of a file system that fsspec knows: `file:///backup`, `s3://bucket/prefix`, `gs://...`, `memory://`.

    Credentials come from where the store's own library looks for them (environment, its files), never from the URL.

    Raises:
        ConfError: the URL, or a library that it needs.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query:
            raise ConfError(
                f"{parts.scheme}://{parts.hostname}...: a URL here has no credentials; give them to the store's library"
            )
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise ConfError(f"a mirror needs fsspec: {INSTALL}") from None
        try:
            self._fs, self._root = url_to_fs(url, skip_instance_cache=parts.scheme != "memory")
        except (ImportError, ValueError) as error:
            raise ConfError(f"{url}: {error}") from None
        protocol: Any = self._fs.protocol
        self._local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def put(self, name: str, content: bytes) -> None:
        path = f"{self._root.rstrip('/')}/{name}"
        try:
            if self._local:
                self._put_local(path, content)
            else:
                self._fs.pipe_file(path, content)  # one request: object stores show an object when it is complete
            self._fs.invalidate_cache()  # listings and sizes are remembered
            size = self._fs.size(path)
        except Exception as error:  # every library raises its own
            raise Transient(f"{path}: {type(error).__name__}: {error}") from error
        if size != len(content):
            raise Transient(f"{path}: has {size} bytes after {len(content)} were written")

    def _put_local(self, path: str, content: bytes) -> None:
        hidden = f"{os.path.dirname(path)}/.{os.path.basename(path)}.unfinished"
        self._fs.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with open(hidden, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(hidden, path)
        except OSError:
            with suppress(OSError):
                os.unlink(hidden)
            raise
