# syntax=docker/dockerfile:1
# The host, with the embedded store in the volume /data unless STORE=dynamodb. Beyond loopback it starts only with a key:
#
#   docker build --tag tertulia .
#   docker run --publish 127.0.0.1:4000:4000 --volume tertulia:/data --env JWT_SECRET tertulia
FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY cloud cloud
COPY functions functions
COPY localstack localstack
COPY shared shared
COPY tests tests
# What is in a cache is in no layer: the binary is taken out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --package tertulia && \
    install -D target/release/tertulia /out/tertulia && \
    mkdir /out/data

# glibc, libgcc and CA certificates, and neither a shell nor a package manager.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build /out/tertulia /usr/local/bin/tertulia
COPY --from=build --chown=65532:65532 --chmod=700 /out/data /data
ENV HOST=0.0.0.0 PORT=4000 DATA_DIR=/data LOG_FORMAT=json
# As a number, so that an orchestrator can tell that it is not root.
USER 65532:65532
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["tertulia", "health"]
ENTRYPOINT ["tertulia"]
