# One server of a cluster:  docker build --tag raft-lab .
# The lab, which runs sweeps on worker threads:  docker build --target lab --tag raft-lab-experiments .

FROM node:24-bookworm AS modules
WORKDIR /app
# The release of sqlite3 that could be downloaded is linked against a newer C library than bookworm's.
# The headers of the image's own Node are there: nothing is fetched for the compiler either.
ENV npm_config_build_from_source=sqlite3 npm_config_nodedir=/usr/local
COPY package.json package-lock.json ./
# A second Node among the packages is not needed; the image is one. Of sqlite3 only the addon is used.
RUN npm ci --omit=dev --no-audit --no-fund \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node \
 && cd node_modules/sqlite3 \
 && mv build/Release/node_sqlite3.node . \
 && rm -rf build deps src \
 && mkdir -p build/Release \
 && mv node_sqlite3.node build/Release/ \
 && node --eval 'require("sqlite3")'

FROM node:24-bookworm-slim AS base
WORKDIR /app
ENV NODE_ENV=production
COPY --from=modules /app/node_modules node_modules
COPY package.json ./
COPY src src

FROM base AS lab
COPY lab lab
COPY experiments experiments
RUN mkdir results && chown node:node results
USER node
ENTRYPOINT ["npm", "run", "experiment", "--"]

# The last stage is the one that is built unless another is named.
FROM base AS node
# A container's loopback interface is its own: there it would be reached by nobody.
ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/data NODE_COMPILE_CACHE=/app/compile-cache
# A new volume takes over owner and mode from here.
RUN mkdir --mode=700 /data && mkdir compile-cache node_modules/.cache \
 && chown node:node /data compile-cache node_modules/.cache
VOLUME /data
USER node
# What a start makes of the sources is made once, here; what is kept is the user's who made it.
RUN node src/main.ts --help >/dev/null
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "src/healthcheck.ts"]
ENTRYPOINT ["node", "src/main.ts"]
