# The same inputs give the same image: whoever wants that for sure gives both with their digests, as a release does
# (.github/workflows/release.yaml): --build-arg BASE_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot@sha256:…
ARG BUILD_IMAGE=node:24.21.0-trixie-slim
ARG BASE_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

# The bundle is the same for every platform, so it is built on the builder's own.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# Not without optional packages: the compiler of esbuild is one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE tsconfig.json ./
COPY scripts/build.ts ./scripts/
COPY src/ ./src/
RUN npm run build

# No shell, no package manager: Node.js and what it needs.
FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="imagestream-operator" \
      org.opencontainers.image.description="OpenShift's image streams on any Kubernetes" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /build/dist/ ./
# A number, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
EXPOSE 8080
# The heap follows the container's memory limit, and leaves the rest to buffers and code; a small young generation is
# collected more often and keeps the resident memory low. For stack traces that name the sources, at the price of 30 MB:
# NODE_OPTIONS=--enable-source-maps
# Look-ups of dead names take a thread each for a while; four would make the others wait.
ENV UV_THREADPOOL_SIZE=16
# What one thread has freed is used again by the others, and buffers of connections go back to the system when they are
# freed instead of leaving holes: 50 MB less after many lists and watches.
ENV MALLOC_ARENA_MAX=1
ENV MALLOC_TRIM_THRESHOLD_=131072
ENV MALLOC_MMAP_THRESHOLD_=16384
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=4", "--max-old-space-size-percentage=70", "/app/main.mjs"]
