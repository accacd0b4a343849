# Wants a static binary for Linux, as "make build" makes it there. One from elsewhere, for example of promu crossbuild:
#   docker build --build-arg BINARY=.build/linux-arm64/anomaly-exporter --platform linux/arm64 .
# The base image has no shell, and runs as user and group 65532.
FROM gcr.io/distroless/static-debian13:nonroot

ARG BINARY=".build/anomaly-exporter"

LABEL org.opencontainers.image.title="anomaly-exporter" \
      org.opencontainers.image.description="Anomaly scores, forecasts and replica recommendations from the history Prometheus holds" \
      org.opencontainers.image.source="https://github.com/anomaly-exporter/anomaly-exporter" \
      org.opencontainers.image.documentation="https://github.com/anomaly-exporter/anomaly-exporter/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY LICENSE                  /LICENSE
COPY examples/prometheus.yml  /etc/anomaly-exporter/anomaly-exporter.yml
COPY ${BINARY}                /bin/anomaly-exporter

USER       65532:65532
EXPOSE     9942
ENTRYPOINT [ "/bin/anomaly-exporter" ]
CMD        [ "--config.file=/etc/anomaly-exporter/anomaly-exporter.yml" ]
