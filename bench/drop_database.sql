-- At its end, whoever is still connected (a background worker of TimescaleDB, say).
DROP DATABASE {} WITH (FORCE);
