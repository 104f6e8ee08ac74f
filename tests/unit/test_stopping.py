"""Signals that come at bad moments."""

import subprocess
import sys

from tests.conftest import ROOT

# SIGTERM arrives while a line is being written, when the logger's lock is held.
IN_THE_MIDDLE_OF_A_LINE = """
import asyncio, os, signal, sys
import structlog
from service.runtime.stopping import Stopping

class Output:
    lines = []
    def write(self, line):
        if not self.lines:
            os.kill(os.getpid(), signal.SIGTERM)
        self.lines.append(line)
    def flush(self):
        pass

async def serve():
    output = Output()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer(lambda *a, **k: str(a[0]["event"]).encode())],
        logger_factory=structlog.BytesLoggerFactory(output),
    )
    stopping = Stopping()
    with stopping.on_signals(60):
        structlog.get_logger().info("metric_recorded")
        await asyncio.sleep(0.05)
    print(stopping.withdrawn, *output.lines)

asyncio.run(serve())
"""


def test_a_signal_in_the_middle_of_a_log_line_holds_nothing_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_MIDDLE_OF_A_LINE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["True", "b'metric_recorded\\n'", "b'draining\\n'"], done.stderr
