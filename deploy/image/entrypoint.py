"""First process of the image: gives up root's rights, then becomes the service.

Started as root, as `docker run` does without more, it becomes the owner of the data folder. A
folder of root's, as Docker makes one where the mounted folder does not exist, is given to the
image's own user before. Started as anybody else (`--user`, Kubernetes), it leaves all as it is.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

OWN_USER = 10001

Give = Callable[[Path, int, int], None]


def main(arguments: Sequence[str]) -> None:
    """Become `python -m service` with these arguments."""
    if os.geteuid() == 0:
        try:
            become(*owner_of_data(Path(os.environ["FATURE_DATA_DIR"])))
        except PermissionError as error:
            sys.exit(
                f"error: root's rights cannot be given up here ({error}): name a user with "
                "--user, to whom the mounted data folder belongs"
            )
    os.execv(sys.executable, [sys.executable, "-m", "service", *arguments])  # noqa: S606


def owner_of_data(folder: Path, give: Give = os.lchown) -> tuple[int, int]:
    """User and group of the folder; root's own is given away first, with all that is in it."""
    found = folder.stat()
    if found.st_uid != 0:
        return found.st_uid, found.st_gid
    try:
        for path in (folder, *folder.rglob("*")):
            give(path, OWN_USER, OWN_USER)
    except OSError as error:
        # Read-only, with a database and secrets that come from elsewhere: nothing is written.
        if not os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise PermissionError(error.errno, error.strerror, str(folder)) from error
    return OWN_USER, OWN_USER


def become(uid: int, gid: int) -> None:
    """Change user and group for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    # Else libraries look into root's, and fail where they may not.
    os.environ["HOME"] = "/nonexistent"


if __name__ == "__main__":
    main(sys.argv[1:])
