# Herald runs as it is written: Node strips the types, so nothing is compiled and the image holds the sources.
FROM node:26.10.0-slim AS dependencies
WORKDIR /herald
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:26.10.0-slim
WORKDIR /herald
ENV NODE_ENV=production \
    HERALD_DATA=/data \
    HTTP_HOST=0.0.0.0 \
    GRPC_HOST=0.0.0.0 \
    LOG_FORMAT=json
# The data folder holds the admin token and, without HERALD_PEPPER, the pepper.
RUN mkdir --mode=0700 /data && chown node:node /data && ln -s /herald/bin/herald.js /usr/local/bin/herald
COPY --from=dependencies /herald/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY proto ./proto
COPY schema ./schema
COPY layers ./layers
COPY src ./src
COPY --chmod=0755 deploy/herald/with-secrets.sh /usr/local/bin/with-secrets
# What `herald_build_info` says: docker build --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=unknown
RUN echo "$COMMIT" > commit
USER node
VOLUME /data
EXPOSE 8080 50051
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=6 \
  CMD ["node", "-e", "require(process.env.TLS_CERT ? 'node:https' : 'node:http').get({ port: process.env.HTTP_PORT || 8080, path: '/readyz', rejectUnauthorized: false }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["with-secrets"]
CMD ["node", "--max-semi-space-size=32", "--disable-warning=TimeoutNegativeWarning", "src/main.ts"]
