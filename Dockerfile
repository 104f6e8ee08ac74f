# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie

# What the web pages need, from the npm registry, as package-lock.json pins it.
FROM node:24.18.0-bookworm-slim AS web
WORKDIR /web
COPY service/web/package.json service/web/package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund

# Wheels alone, by their hashes: nothing is compiled here.
FROM ${PYTHON_IMAGE} AS wheels
COPY requirements.lock /tmp/requirements.lock
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r /tmp/requirements.lock

FROM ${PYTHON_IMAGE}
ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Fature business metrics" \
      org.opencontainers.image.description="Business metrics: submitted over HTTP, kept in TimescaleDB, aggregated, watched and shown." \
      org.opencontainers.image.vendor="Fature" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Lends a name to users without one (`--user 1234`): PostgreSQL's initdb insists on it.
RUN apt-get update -qq \
    && apt-get install -qq --yes --no-install-recommends libnss-wrapper \
    && rm -rf /var/lib/apt/lists/*

# Fixed numbers, so that mounted secrets can belong to them. Other users may run it as well, with
# a data folder of their own.
RUN groupadd --gid 10001 fature \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin fature \
    && install --directory --owner=10001 --group=10001 --mode=0700 /app/data

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FATURE_HOST=0.0.0.0 \
    FATURE_DATA_DIR=/app/data

COPY --from=wheels /opt/venv /opt/venv
WORKDIR /app
COPY sql/ sql/
COPY alerts/ alerts/
COPY retention/ retention/
COPY service/ service/
COPY deploy/image/entrypoint.py deploy/image/entrypoint.py
COPY --from=web /web/node_modules service/web/node_modules
# Compiled now: at run time the file system may be read-only.
RUN python -m compileall -q sql alerts retention service deploy

EXPOSE 5000
# The first start makes a database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ.get('FATURE_PORT', '5000')}/api/ready\", timeout=4)"]
# As root only to hand over the data folder.
ENTRYPOINT ["python", "deploy/image/entrypoint.py"]
CMD ["run"]
