"""The operating-system account that the server's programs run as.

PostgreSQL refuses to run as root. When this process is root, the programs run as another
account that keeps one capability, CAP_DAC_OVERRIDE: thereby they reach binaries and data below
folders that only root may enter, such as /root, without any permission being loosened.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sql.embedded.errors import EmbeddedPostgresError

# The server is the same whatever the caller's environment holds (PGPORT, locales, ...).
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
_NSS_WRAPPERS = ("/usr/lib/*/libnss_wrapper.so", "/usr/lib64/libnss_wrapper.so")


@dataclass(frozen=True)
class Account:
    """`uid` None is the account of this process; `limitation` says what may fail and why;
    `environment` is added to that of its programs.
    """

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()
    limitation: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, apart from the terminal's Ctrl-C."""
        plain_change = self.uid is not None and not self.prefix
        try:
            return subprocess.run(
                [*self.prefix, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                cwd="/",
                env=_ENVIRONMENT | dict(self.environment),
                start_new_session=True,
                user=self.uid if plain_change else None,
                group=self.gid if plain_change else None,
                extra_groups=[] if plain_change else None,
                check=False,
            )
        except OSError as error:
            raise EmbeddedPostgresError(
                self.explain(f"{command[0]} cannot be run: {error}")
            ) from error

    def own(self, path: Path) -> None:
        """Hands a file or folder, with all below it, to the account."""
        if self.uid is None or self.gid is None:
            return
        os.lchown(path, self.uid, self.gid)
        for parent, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.lchown(Path(parent) / name, self.uid, self.gid)

    def explain(self, message: str) -> str:
        return f"{message}\n{self.limitation}" if self.limitation else message


def server_account(pgdata: Path) -> Account:
    """The account for the data folder: its owner, which another ordinary user cannot act for."""
    owner = pgdata.stat() if pgdata.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{pgdata} belongs to {_name_of(owner.st_uid)}, not to {_name_of(os.geteuid())}: "
                "run this as that user or as root, or choose another FATURE_DATA_DIR."
            )
        return Account()
    if owner is not None and owner.st_uid != 0:
        return _unprivileged(owner.st_uid, owner.st_gid)
    entry = _service_account()
    account = _unprivileged(entry.pw_uid, entry.pw_gid)
    if owner is not None:
        # Data that root copied here or restored.
        account.own(pgdata)
    return account


def with_name(account: Account, folder: Path) -> Account:
    """The account with a name, without which initdb fails: a container's user often has none.

    Where nss_wrapper is installed it lends one, from a file in the folder.
    """
    uid = os.geteuid() if account.uid is None else account.uid
    library = next((each for each in _nss_wrappers() if not _has_name(uid)), None)
    if library is None:
        return account
    names = folder / "passwd"
    names.write_text(f"fature:x:{uid}:{os.getegid()}::/:/bin/false\n")
    lent = {
        "LD_PRELOAD": str(library),
        "NSS_WRAPPER_PASSWD": str(names),
        "NSS_WRAPPER_GROUP": "/etc/group",
    }
    return replace(account, environment=lent)


def _nss_wrappers() -> list[Path]:
    return [path for pattern in _NSS_WRAPPERS for path in Path("/").glob(pattern.lstrip("/"))]


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _service_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody "
        "to run it as: run this as an ordinary user, or create the user postgres."
    )


def _unprivileged(uid: int, gid: int) -> Account:
    prefix = _with_capability(uid, gid)
    if prefix and _works(prefix):
        return Account(uid, gid, prefix)
    return Account(
        uid,
        gid,
        limitation=(
            f"PostgreSQL does not run as root, so its programs run as {_name_of(uid)}. They could "
            "not be given the capability CAP_DAC_OVERRIDE (setpriv of util-linux is missing, or "
            "this is a container without CAP_DAC_OVERRIDE or CAP_SETPCAP), so that user itself "
            "must be able to reach the binaries and the data folder. Run this as an ordinary "
            "user, use folders that everybody may enter, or set FATURE_DATABASE_URL."
        ),
    )


def _with_capability(uid: int, gid: int) -> tuple[str, ...]:
    setpriv = shutil.which("setpriv", path=_ENVIRONMENT["PATH"])
    if setpriv is None:
        return ()
    return (
        setpriv,
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        # Else access(2), by which the programs look for each other, leaves capabilities aside.
        "--securebits=+no_setuid_fixup",
        "--",
    )


def _works(prefix: Sequence[str]) -> bool:
    return Account(prefix=tuple(prefix)).run(["true"]).returncode == 0


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
