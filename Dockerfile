# The service in two stages: the first has pip and a compiler's leftovers, the second only what runs.
FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/kite-services
WORKDIR /build
# Dependencies first: they change less often than the code, and every file is checked against its hash.
COPY requirements.lock ./
RUN /opt/kite-services/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY app app
COPY schema schema
COPY migrations migrations
# setuptools is what pyproject.toml builds with; --no-deps, because the lock file has named them all.
RUN /opt/kite-services/bin/pip install --no-deps . \
    && /opt/kite-services/bin/python -m compileall -q /opt/kite-services/lib


FROM python:3.13-slim

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin kite \
    && install -d -o kite -g kite -m 0700 /data
COPY --from=build /opt/kite-services /opt/kite-services
ENV PATH=/opt/kite-services/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    SERVICE_HOST=0.0.0.0 \
    SERVICE_PORT=8179 \
    LOG_FORMAT=json
# SERVICE_HOST is open to other machines, so the service starts only with ADMIN_TOKEN set.
USER 10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8179
# The start migrates the database and reads the instrument master, hence the start period.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['SERVICE_PORT']}/health/live\", timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["kite-services", "serve"]
