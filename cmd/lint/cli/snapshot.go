package cli

// worldVersion is the apiVersion of snapshots.
const worldVersion = "gatelint.io/v1"
