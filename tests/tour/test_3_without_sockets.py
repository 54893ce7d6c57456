"""The tour, third stop: the same conversations as a library. The program is the README's, to the letter."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.replica import ROOT, SECRET


def test_a_question_from_the_readme(redis_url: str, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r'^```python\n("""ask\.py.*?)^```$', readme, re.MULTILINE | re.DOTALL)
    (tmp_path / "ask.py").write_text(program, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    env = {**inherited, "PYTHONPATH": str(ROOT), "BATON_REDIS_URL": redis_url, "BATON_SECRET": SECRET}
    done = subprocess.run(
        [sys.executable, "ask.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "billing_faq none You can pay" in done.stdout
