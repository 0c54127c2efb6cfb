# The image of casper-cosigner: one static binary, no shell, no root.
# Base images are pinned by tag, not by digest: a release that needs the very same bytes must add the digest here.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make build VERSION="$VERSION" && mkdir -m 0700 /state /agent

FROM scratch
COPY --from=build /src/bin/casper-cosigner /casper-cosigner
# The state directory belongs to the user of the process. Mount a volume on it that outlives the container, and never
# restore or copy it: a cosigner that comes back with older state is refused by the others.
COPY --from=build --chown=65532:65532 /state /var/lib/casper-cosigner
# An agent keeps what the cosigners stated: it must outlive the container, too.
COPY --from=build --chown=65532:65532 /agent /var/lib/casper-cosigner-agent
VOLUME ["/var/lib/casper-cosigner", "/var/lib/casper-cosigner-agent"]
USER 65532:65532
# Health is /readyz on the metrics address. There is no HEALTHCHECK: nothing should restart a container for it, since that
# does not heal another cosigner.
# SIGTERM hands leadership over before the process ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/casper-cosigner"]
CMD ["cosigner", "run"]
