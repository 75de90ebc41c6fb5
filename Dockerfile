# The image is the runtime: the Node that npm would add is taken out again. Everything that Kurir keeps is in /data.
FROM node:24-bookworm-slim AS install
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No dependency needs a script of its own: native parts come prebuilt.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-*
COPY src/admin/playground src/admin/playground
RUN node src/admin/playground/build.js

FROM node:24-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tini tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -m 0700 -o node -g node /data
WORKDIR /app
COPY --from=install /app/node_modules node_modules
COPY package.json LICENSE ./
COPY src src
COPY schema schema
COPY migrations migrations
COPY rules rules
# The admin port listens on 127.0.0.1 unless KURIR_ADMIN_HOST says otherwise: publishing it is a decision.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16 KURIR_DATA_DIR=/data
USER node
VOLUME ["/data"]
EXPOSE 11112 8080 4000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.KURIR_ADMIN_PORT || 4000}/livez`).then((r) => { process.exitCode = r.ok ? 0 : 1 }, () => { process.exitCode = 1 })"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "src/main.ts", "serve"]
