"""The limit of open files follows the number of connections that are asked for, as far as the system lets it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# In a process of its own: a hard limit that was lowered can't be raised again.
PROGRAM = """
import resource, sys
from app.listening import allow_open_files
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(allow_open_files(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no such limit on Windows")
@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "fits", "becomes"),
    [
        (300, 2000, 1000, 1000, 1256),
        (300, 2000, 5000, 1744, 2000),
        (1500, 2000, 1000, 1000, 1500),
        (100, 100, 1000, 1, 100),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed(soft: int, hard: int, wanted: int, fits: int, becomes: int) -> None:
    command = [sys.executable, "-c", PROGRAM, *map(str, (soft, hard, wanted))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == [str(fits), str(becomes), str(hard)]
