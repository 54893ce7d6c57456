"""A replica of another release, as a rolling upgrade has it beside this one's. It must never touch this one's code."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.replica import ROOT, ReplicaProcess


class OtherRelease(ReplicaProcess):
    """This release's code in a folder of its own, with a browser's module that says something else (`mark`)."""

    def __init__(self, redis_url: str, folder: Path, mark: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(redis_url, env=env)
        self._root = folder / mark
        shutil.copytree(ROOT / "app", self._root / "app", ignore=shutil.ignore_patterns("__pycache__"))
        with (self._root / "app" / "web" / "widget" / "element.js").open("a") as module:
            module.write(f"export const release = '{mark}';\n")

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._output.open("ab") as output:
            return subprocess.Popen(
                command, cwd=self._root, env=self._env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
