"""Worker processes that know nothing of the program which starts them: they import tapewire, and not its main module.

By default a spawned process imports the main module of its parent anew. A script that sweeps on its top level would then sweep
again in each worker. Nothing that workers do here is defined in a main module.
"""

from __future__ import annotations

import sys
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.popen_spawn_posix import Popen
from multiprocessing.process import BaseProcess

NAMES = ("__file__", "__spec__")
"""By these `multiprocessing.spawn` finds the main module."""


class ApartProcess(SpawnProcess):
    """A process that starts without the main module."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:
        main = vars(sys.modules["__main__"])
        hidden = {name: main.pop(name) for name in NAMES if name in main}
        main["__spec__"] = None
        try:
            return Popen(process_obj)
        finally:
            main.update(hidden)


class Apart(SpawnContext):
    """The context of such processes, for a pool or one by one."""

    Process = ApartProcess
