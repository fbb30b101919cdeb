# syntax=docker/dockerfile:1

# The broker as a container image. It holds compiled code, production dependencies and migrations; no compiler, no
# stand-in for Google, no configuration. How to run it: docker-compose.yml, docs/configuration.md.

# Compiles. Only dist/bundle of this stage gets into the image.
FROM node:24-slim AS build
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
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
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
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# By default glibc keeps much of what a start freed: a few megabytes. sandbox/fleet sets the same.
ENV MALLOC_MMAP_THRESHOLD_=131072 \
    MALLOC_ARENA_MAX=2
# A larger young generation: fewer collections under load, no cost when idle. src/serve.ts collects garbage once, after
# the start. `npm run bench` uses the same flags.
# No signal opens the inspector, whose port exposes everything in memory.
CMD ["node", "--max-semi-space-size=64", "--expose-gc", "--disable-sigusr1", "dist/bundle/main.js"]
