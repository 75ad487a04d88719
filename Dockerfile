FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What `postern version` says. The commit is read from the few files of .git that are here, unless it is
# given: git wants an objects folder before it takes them for a repository.
ARG VERSION=dev
ARG COMMIT
RUN COMMIT="${COMMIT:-$(mkdir -p .git/objects .git/refs && git rev-parse --verify --quiet HEAD || echo unknown)}" \
 && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags="-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /out/postern ./cmd/postern \
 && mkdir -m 0700 /out/data

# CA certificates come with this image, time zones with the binary; there is no shell in it.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/postern /usr/local/bin/postern
COPY --from=build --chown=65532:65532 /out/data /var/lib/postern
ENV POSTERN_DATA_DIR=/var/lib/postern \
    POSTERN_LISTEN=0.0.0.0:8080
# The image has no PostgreSQL of its own: POSTERN_DATABASE_URL (or ..._FILE) must be given,
# and so must POSTERN_PUBLIC_URL.
USER 65532:65532
VOLUME /var/lib/postern
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/postern"]
CMD ["serve"]
