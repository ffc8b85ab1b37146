# Two stages: what builds, and what runs. docs/operations.md says how it is run and what of it was tried.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/server-bundle.mjs scripts/web-bundle.mjs scripts/system.mjs scripts/
COPY src src/
RUN npm run build && npm prune --omit=dev --no-audit --no-fund && mkdir /state

# No shell, no package manager; the user is 65532 (nonroot).
FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules/
COPY --from=build /app/dist dist/
COPY lua lua/
COPY config config/
# The journal's folder: the only place that is written to. An empty volume takes over its owner.
COPY --from=build --chown=65532:65532 /state /var/lib/tollgate
VOLUME ["/var/lib/tollgate"]
USER 65532:65532
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=40s CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:8081/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/nodejs/bin/node", "--enable-source-maps", "/app/dist/main.js"]
CMD ["serve", "--config", "/etc/tollgate/tollgate.yaml"]
