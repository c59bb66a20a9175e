# The image of gatelint for CI systems that run a shell in it, and for the pre-commit hook gatelint-docker.
# The webhook's image has no shell: make image.
FROM golang:1.26-alpine AS build
WORKDIR /gatelint
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /usr/local/bin/gatelint .

FROM alpine:3
COPY --from=build /usr/local/bin/gatelint /usr/local/bin/gatelint
USER 65532
ENTRYPOINT ["gatelint"]
