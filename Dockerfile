# The image of keyrotator: one static program on distroless/static, for amd64 and arm64.
#
#   make image IMAGE=registry.example.com/keyrotator GO_DIGEST=sha256:… BASE_DIGEST=sha256:…
#
# Both bases are named by digest, because a tag may be another image tomorrow. There
# are no defaults: whoever builds a release looks the digests up, and checks their
# signatures (docs/operating/release.md). Nothing of the build's own is in the image
# but the program. Certificates, time zones for whoever looks, /etc/passwd and /tmp
# come with the base; the program has time zones of its own.
ARG GO_IMAGE=docker.io/library/golang
ARG GO_DIGEST=
ARG BASE_IMAGE=gcr.io/distroless/static-debian13
ARG BASE_DIGEST=

# The compiler runs on the machine that builds, and compiles for the one that runs.
# Without a digest the newest image would be taken: the first step refuses that.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE}${GO_DIGEST:+@}${GO_DIGEST} AS build
ARG GO_DIGEST
ARG BASE_DIGEST
ARG VERSION=
ARG COMMIT=
ARG DATE=
RUN fail() { echo "$1" >&2; exit 1; }; \
    digest() { echo "$2" | grep -qE '^sha256:[0-9a-f]{64}$' || fail "$1 is \"$2\": want the digest of $3, as sha256: and 64 hexadecimal digits"; }; \
    digest GO_DIGEST "$GO_DIGEST" "the image that compiles (GO_IMAGE)"; \
    digest BASE_DIGEST "$BASE_DIGEST" "the image that keyrotator runs on (BASE_IMAGE)"; \
    [ -n "$VERSION" ] && [ -n "$COMMIT" ] && [ -n "$DATE" ] || fail "VERSION, COMMIT and DATE are what keyrotator version tells: give all three (make image does)"

# The same commit makes the same program wherever it is built: no paths, no clock, no
# state of the work tree, no C compiler, and no other compiler than that of the base.
ENV GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
RUN GOOS="$TARGETOS" GOARCH="$TARGETARCH" go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT -X main.date=$DATE" \
        -o /out/usr/bin/keyrotator ./cmd/keyrotator
RUN mkdir -p /out/var/lib/keyrotator

FROM ${BASE_IMAGE}${BASE_DIGEST:+@}${BASE_DIGEST}
ARG BASE_IMAGE
ARG BASE_DIGEST
ARG VERSION=
ARG COMMIT=
ARG DATE=
LABEL org.opencontainers.image.title="keyrotator" \
      org.opencontainers.image.description="Rotates access keys of AWS IAM users without breaking whoever uses them" \
      org.opencontainers.image.url="https://github.com/keyrotator/keyrotator" \
      org.opencontainers.image.source="https://github.com/keyrotator/keyrotator" \
      org.opencontainers.image.documentation="https://github.com/keyrotator/keyrotator/tree/main/docs/operating" \
      org.opencontainers.image.vendor="The keyrotator authors" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.created="$DATE" \
      org.opencontainers.image.base.name="$BASE_IMAGE" \
      org.opencontainers.image.base.digest="$BASE_DIGEST"
COPY LICENSE /usr/share/doc/keyrotator/LICENSE
COPY --from=build /out/usr/bin/keyrotator /usr/bin/keyrotator
# The journal's folder, for a volume to be mounted on. A number and not a name is what
# Kubernetes can prove not to be root.
COPY --from=build --chown=65532:65532 /out/var/lib/keyrotator /var/lib/keyrotator
USER 65532:65532
WORKDIR /var/lib/keyrotator
EXPOSE 9464
ENTRYPOINT ["/usr/bin/keyrotator"]
CMD ["run", "--listen", ":9464"]
