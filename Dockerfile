# "make docker" builds what is copied here, for one platform. For several: "make dist", then promu crossbuild, then
#   docker buildx build --platform linux/amd64,linux/arm64 .
# The base image has no shell, and runs as user and group 65532.
FROM gcr.io/distroless/static-debian13:nonroot

# Set by docker build from the platform.
ARG TARGETARCH

LABEL org.opencontainers.image.title="anomaly-exporter" \
      org.opencontainers.image.description="Anomaly scores, forecasts and replica recommendations from the history Prometheus holds" \
      org.opencontainers.image.source="https://github.com/anomaly-exporter/anomaly-exporter" \
      org.opencontainers.image.documentation="https://github.com/anomaly-exporter/anomaly-exporter/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY dist                                         /usr/share/anomaly-exporter
COPY examples/prometheus.yml                      /etc/anomaly-exporter/anomaly-exporter.yml
COPY .build/linux-${TARGETARCH}/anomaly-exporter  /bin/anomaly-exporter

USER       65532:65532
EXPOSE     9942
ENTRYPOINT [ "/bin/anomaly-exporter" ]
CMD        [ "--config.file=/etc/anomaly-exporter/anomaly-exporter.yml" ]
