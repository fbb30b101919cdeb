# syntax=docker/dockerfile:1

# The broker as a container image. It holds Node.js, compiled code, production dependencies and migrations; no shell, no npm, no
# compiler, no stand-in for Google, no configuration. How to run it: docs/operations.md. Renovate updates the digests.

# Compiles. Only dist/bundle of this stage gets into the image.
FROM --platform=$BUILDPLATFORM node:24-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script here: those fetch a second Node and an embedded PostgreSQL, for development.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json .swcrc tsconfig.json prisma.config.ts ./
COPY prisma ./prisma
COPY src ./src
COPY scripts/bundle.mjs ./scripts/
# `generate` reads the schema only; the script keeps Prisma from downloading an engine that is not used.
RUN npm run generate && npm run build

# Production dependencies only. `prisma`, a development tool, is an optional peer of @prisma/client, so both kinds are
# left out.
FROM --platform=$BUILDPLATFORM node:24-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# Debian's libraries that Node.js needs, its certificates, and Node.js.
FROM gcr.io/distroless/nodejs24-debian13:nonroot@sha256:9eeb7f5887d0e239e78264b06f7f11d2e14be534050481803a9e4728fcdd278e
# Its entrypoint is Node.js by path; here a command names it: `node dist/bundle/cli/main.js …`.
ENTRYPOINT []
ENV PATH=/nodejs/bin
# Inside a container, 127.0.0.1 cannot be reached from outside.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000
WORKDIR /app
# Owned by root: the broker can read its own code and cannot change it.
COPY --from=dependencies /app/node_modules ./node_modules
# The version, and that this is ESM.
COPY package.json ./
# `node dist/bundle/cli/main.js migrate` applies these.
COPY prisma/migrations ./prisma/migrations
COPY --from=build /app/dist/bundle ./dist/bundle
# As a number, so that Kubernetes sees that it is not root: the user `nonroot`.
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# By default glibc keeps much of what a start freed: a few megabytes. sandbox/fleet sets the same.
ENV MALLOC_MMAP_THRESHOLD_=131072 \
    MALLOC_ARENA_MAX=8
# A larger young generation: fewer collections under load, no cost when idle. src/serve.ts collects garbage once, after
# the start. V8 collects the old generation when it has doubled: left to itself, it would keep up to four times what is needed.
# `npm run bench` uses the same flags.
# No signal opens the inspector, whose port exposes everything in memory.
CMD ["node", "--max-semi-space-size=64", "--heap-growing-percent=100", "--expose-gc", "--disable-sigusr1", "dist/bundle/main.js"]
