# dockmeter in an image with nothing but itself and its license.
#
#   docker build --tag dockmeter --build-arg REVISION=$(git rev-parse --short=12 HEAD) .
#   scripts/release.sh --only-binary && docker build --tag dockmeter --target prebuilt .
#
# docs/install.md says how to run it.

ARG RUST_IMAGE=rust:1.95-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# Everything but the binary and the license. What is measured is the host, seen below /host.
FROM scratch AS runtime
LABEL org.opencontainers.image.title="dockmeter" \
      org.opencontainers.image.description="Metrics of a Docker host for Prometheus, with user, project and team on every container" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV DOCKMETER_WEB_LISTEN_ADDRESS=0.0.0.0:10417 \
    DOCKMETER_PATH_PROCFS=/host/proc \
    DOCKMETER_PATH_SYSFS=/host/sys \
    DOCKMETER_PATH_ROOTFS=/host
EXPOSE 10417
# Nobody. The engine's socket wants its group, and disk use wants root: docs/privileges.md.
USER 65534:65534
HEALTHCHECK --interval=60s --timeout=6s --start-period=10s CMD ["/dockmeter", "healthcheck"]
ENTRYPOINT ["/dockmeter"]

# With the binary that scripts/release.sh has made outside. Builders before BuildKit come by
# here on their way to the last stage, when there is none yet, hence the pattern.
FROM runtime AS prebuilt
COPY LICENSE target/release-files/dockmeter* /

# The live page, of which only the built files go on.
FROM ${NODE_IMAGE} AS page
WORKDIR /source
COPY scripts/page.sh scripts/page.sh
COPY web web
RUN scripts/page.sh

FROM ${RUST_IMAGE} AS build
ARG REVISION=
WORKDIR /source
COPY . .
COPY --from=page /source/web/dist web/dist
RUN DOCKMETER_REVISION=${REVISION} scripts/release.sh --only-binary --page-as-it-is

FROM runtime
COPY --from=build /source/LICENSE /source/target/release-files/dockmeter /
