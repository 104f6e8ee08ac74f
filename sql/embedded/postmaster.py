"""State of a running server, from the files in its data folder."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_PID_LINE, _PORT_LINE, _STATUS_LINE = 0, 3, 7


@dataclass(frozen=True)
class Postmaster:
    """A running server; `status` is starting, ready, standby or stopping."""

    pid: int
    port: int | None
    status: str


def running_postmaster(pgdata: Path) -> Postmaster | None:
    """The server that runs on the data folder, if any; a stale postmaster.pid counts as none."""
    noted = _noted_postmaster(pgdata)
    return noted if noted and _serves(noted.pid, pgdata) else None


def forget_dead_postmaster(pgdata: Path) -> None:
    """Removes postmaster.pid where its process id now belongs to another program.

    PostgreSQL itself only asks whether a process of that id exists, and then refuses to start:
    after a crash of the machine, in a container, or while the dead server is still a zombie.
    A file whose process is gone is left to PostgreSQL, which then also checks shared memory.
    """
    noted = _noted_postmaster(pgdata)
    if noted and _command_line(noted.pid) is not None and not _serves(noted.pid, pgdata):
        (pgdata / "postmaster.pid").unlink(missing_ok=True)


def started_from(pgdata: Path) -> Path | None:
    """The bin folder of the programs that the server was last started from."""
    try:
        options = (pgdata / "postmaster.opts").read_text()
    except FileNotFoundError:
        return None
    return Path(options.split(' "', 1)[0].strip()).parent


def _noted_postmaster(pgdata: Path) -> Postmaster | None:
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[_PID_LINE].strip().lstrip("-").isdigit():
        return None
    # A starting server writes the later lines after the first ones.
    lines += [""] * (_STATUS_LINE + 1 - len(lines))
    port = lines[_PORT_LINE].strip()
    return Postmaster(
        pid=abs(int(lines[_PID_LINE])),
        port=int(port) if port.isdigit() else None,
        status=lines[_STATUS_LINE].strip() or "starting",
    )


def _serves(pid: int, pgdata: Path) -> bool:
    return f" -D {pgdata} " in f"{_command_line(pid) or ''} "


def _command_line(pid: int) -> str | None:
    """The command line of a process, or None if there is no such process."""
    if Path("/proc/self/cmdline").exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return raw.replace(b"\0", b" ").decode(errors="replace")
    listed = subprocess.run(
        ["/bin/ps", "-ww", "-p", str(pid), "-o", "command="],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout if listed.returncode == 0 else None
