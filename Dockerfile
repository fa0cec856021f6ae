# Runs as any uid (docker run --user 12345), with a read-only root (--read-only); only /data is written.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# The packages first: this layer stays as it is while only Rejoin itself changes.
COPY constraints.txt pyproject.toml ./
RUN python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["notify"], sep="\n")' > requirements.txt \
 && python -m venv --without-pip /opt/rejoin \
 && python -m pip --python /opt/rejoin/bin/python install --constraint constraints.txt --requirement requirements.txt \
 && python -m pip install --constraint constraints.txt hatchling
COPY README.md LICENSE ./
COPY migrations ./migrations
COPY orchestrator ./orchestrator
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m pip --python /opt/rejoin/bin/python install --no-deps dist/*.whl \
 && /opt/rejoin/bin/rejoin --version

FROM python:${PYTHON}-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Rejoin" \
      org.opencontainers.image.description="Brings a backup WhatsApp account back into every group of your own" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
ENV PATH="/opt/rejoin/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    REJOIN_CONFIG=/data/rejoin.toml
COPY --from=build /opt/rejoin /opt/rejoin
# A uid that the image does not know runs with group 0, which may write here.
RUN install -d -o 10001 -g 0 -m 2775 /data
WORKDIR /data
VOLUME /data
USER 10001:0
STOPSIGNAL SIGTERM
ENTRYPOINT ["rejoin"]
CMD ["daemon"]
# Also for containers that only `run`; beside a daemon ask more: rejoin healthcheck --daemon.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["rejoin", "healthcheck"]
