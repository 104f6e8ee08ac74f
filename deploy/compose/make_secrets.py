"""Draws the secrets of docker-compose.yml on the first start, each readable by its user alone.

    make_secrets.py FOLDER

FOLDER holds one folder for each who reads secrets, which is a volume of its own: nobody is given
those of others. What is there already stays as it is.
"""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

# The users that the images run as.
DATABASE, GRAFANA, SERVICE, PGBOUNCER = 70, 472, 10001, 70
NOBODY = 65534

OWNER_URL = "postgresql://fature_owner:{owner}@db:5432/fature"
SERVING_URL = "postgresql://metrics:{metrics}@{host}/fature"


def contents(draw: Callable[[], str]) -> dict[str, dict[str, str]]:
    """The content of each file by its folder."""
    owner, metrics, grafana = draw(), draw(), draw()
    return {
        "database": {
            "owner_password": owner,
            "metrics_password": metrics,
            "grafana_password": grafana,
        },
        "owner": {"database_url": OWNER_URL.format(owner=owner)},
        "pgbouncer": {"userlist.txt": f'"metrics" "{metrics}"\n'},
        "service": {
            "database_url": SERVING_URL.format(metrics=metrics, host="pgbouncer:6432"),
            # The alert loop holds a lock of its session, which a transaction pool cannot keep.
            "database_url_direct": SERVING_URL.format(metrics=metrics, host="db:5432"),
            "admin_key": draw(),
            "secret": draw(),
        },
        "grafana": {"database_password": grafana, "admin_password": draw()},
        # The service writes Prometheus' key there, and Prometheus' group reads it.
        "prometheus": {},
        # And there the consumer's.
        "kafka": {},
    }


OWNERS = {
    "database": (DATABASE, DATABASE),
    "owner": (SERVICE, SERVICE),
    "pgbouncer": (PGBOUNCER, PGBOUNCER),
    "service": (SERVICE, SERVICE),
    "grafana": (GRAFANA, GRAFANA),
    "prometheus": (SERVICE, NOBODY),
    "kafka": (SERVICE, SERVICE),
}


def make_secrets(
    folder: Path,
    draw: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    give: Callable[[Path, int, int], None] = os.chown,
) -> bool:
    """Make them all, unless they were made before; whether they were made now."""
    done = folder / "owner" / "complete"
    if done.exists():
        # Those that a later version brought, for what others write there.
        for name, files in contents(draw).items():
            if not files:
                _hand_over(folder / name, give)
        return False
    for name, files in contents(draw).items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            _write(folder / name / file, text)
            give(folder / name / file, *OWNERS[name])
        _hand_over(folder / name, give)
    # Last, so that one who was interrupted begins anew.
    _write(done, "")
    return True


def _hand_over(folder: Path, give: Callable[[Path, int, int], None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Files made in it later take the folder's group where that reads them.
    folder.chmod(0o2750 if folder.name == "prometheus" else 0o700)
    give(folder, *OWNERS[folder.name])


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    made = make_secrets(Path(sys.argv[1]))
    print("Secrets were drawn." if made else "The secrets are there.")
