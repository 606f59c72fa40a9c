# `make image` builds this with docker, podman or buildah. With the same Go, the same commit gives the same bytes: no layer
# contains the time or place of the build.
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
ARG BASE_IMAGE=scratch

# Build on the builder's own platform, because Go compiles for the others faster than an emulator runs.
FROM --platform=${BUILDPLATFORM} ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download

COPY main.go LICENSE ./
COPY client client
COPY collector collector
COPY docs/runbooks.go docs/runbooks.md docs/
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
ARG REVISION
ARG BRANCH
ARG BUILD_DATE
# The same flags as in `make build` give the same bytes. timetzdata includes the time zones for TZ.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -tags timetzdata -o omegastream_exporter -ldflags "-s -w \
    -X github.com/prometheus/common/version.Version=${VERSION} \
    -X github.com/prometheus/common/version.Revision=${REVISION} \
    -X github.com/prometheus/common/version.Branch=${BRANCH} \
    -X github.com/prometheus/common/version.BuildDate=${BUILD_DATE}" .

# The licences of the modules in the program, most of which must be distributed with it.
RUN mkdir -p /image/licenses/go && cp LICENSE /image/licenses/ && cp "$(go env GOROOT)/LICENSE" /image/licenses/go/ && \
    go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' . > /tmp/modules && \
    while read -r path dir; do \
        test -n "${path}" && test ! -d "/image/licenses/${path}" || continue; \
        mkdir -p "/image/licenses/${path}" && find "${dir}" -maxdepth 1 -type f \
            '(' -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' ')' -exec cp {} "/image/licenses/${path}/" ';' ; \
    done < /tmp/modules

# All files of the image, with the same date. A volume takes the owner of the folder that it is mounted over.
ARG SOURCE_DATE_EPOCH=0
RUN mkdir -p /image/bin /image/data /image/etc/ssl/certs && \
    cp omegastream_exporter /image/bin/ && \
    cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ && \
    chmod -R u=rwX,go=rX /image && \
    find /image -exec touch -h -d @${SOURCE_DATE_EPOCH} {} +

FROM ${BASE_IMAGE}
ARG VERSION=unknown
ARG REVISION
LABEL org.opencontainers.image.title="omegastream_exporter" \
      org.opencontainers.image.description="Prometheus exporter for the webhooks of an OmegaStream account" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/bin /bin
COPY --from=build /image/etc /etc
COPY --from=build /image/licenses /licenses
COPY --from=build --chown=65534:65534 /image/data /data
USER 65534:65534
# In this folder, the default --state.url, file:data/ledger.db, is in the volume. The exporter writes to no other place.
WORKDIR /
VOLUME /data
EXPOSE 9877
# The check finds the exporter by the same variables. Set flags that change its address (--web.*) as variables.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/bin/omegastream_exporter", "healthcheck"]
ENTRYPOINT ["/bin/omegastream_exporter"]
