"""``python -m bench [--quick] [--write]``; `make bench` calls it."""

import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

import click
import structlog

from bench.run import measure
from bench.report import DOCUMENT, document, table
from bench.scale import QUICK, WHOLE
from bench.stack import BenchmarkError
from bench.traffic import LoadError
from service.settings import SettingsError, load_settings
from sql.embedded import EmbeddedPostgresError
from sql.errors import DatabaseError
