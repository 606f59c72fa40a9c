ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
ARG BASE_IMAGE=scratch

FROM ${GO_IMAGE} AS build
ARG VERSION=unknown
ARG REVISION
ARG BRANCH
ARG BUILD_DATE
ARG TARGETOS
ARG TARGETARCH
ENV CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH}
WORKDIR /src

COPY go.mod go.sum ./
RUN go mod download

COPY *.go ./
COPY client client
COPY collector collector
COPY internal internal
RUN go build -trimpath -o omegastream_exporter -ldflags "-s -w \
    -X github.com/prometheus/common/version.Version=${VERSION} \
    -X github.com/prometheus/common/version.Revision=${REVISION} \
    -X github.com/prometheus/common/version.Branch=${BRANCH} \
    -X github.com/prometheus/common/version.BuildDate=${BUILD_DATE}" .

# A volume takes the owner of the folder that it is mounted over.
RUN mkdir data && chown 65534:65534 data

FROM ${BASE_IMAGE}
ARG VERSION=unknown
ARG REVISION
LABEL org.opencontainers.image.title="omegastream_exporter" \
      org.opencontainers.image.description="Prometheus exporter for the webhooks of an OmegaStream account" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65534:65534 /src/data /data
COPY --from=build /src/omegastream_exporter /bin/
USER 65534:65534
# The default --state.url, file:data/ledger.db, is in the volume then.
WORKDIR /
VOLUME /data
EXPOSE 9877
ENTRYPOINT ["/bin/omegastream_exporter"]
