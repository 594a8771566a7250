# Each recipe is one line into `cargo xtask`; arguments are passed on.

set positional-arguments

_default:
    @just --list

# Start everything and wait until it is ready
[group('dev')]
dev-up *ARGS:
    cargo xtask dev-up "$@"

# Stop the stack; --volumes removes its data
[group('dev')]
dev-down *ARGS:
    cargo xtask dev-down "$@"

# Run the Copilot from its checkout, and restart what an edit concerns
[group('dev')]
dev-watch *ARGS:
    cargo xtask dev-watch "$@"

# Build the images from the checkouts
[group('dev')]
dev-build *ARGS:
    cargo xtask dev-build "$@"

# Follow the logs
[group('dev')]
dev-logs *ARGS:
    cargo xtask dev-logs "$@"

# List the services
[group('dev')]
dev-ps *ARGS:
    cargo xtask dev-ps "$@"

# Show what runs and what has changed
[group('dev')]
dev-status *ARGS:
    cargo xtask dev-status "$@"

# Restart services
[group('dev')]
dev-restart *ARGS:
    cargo xtask dev-restart "$@"

# Run a command in a service's container
[group('dev')]
dev-exec *ARGS:
    cargo xtask dev-exec "$@"

# Apply, repeat or repair the schemas
[group('dev')]
schema *ARGS:
    cargo xtask schema "$@"

# Find what this machine lacks
[group('dev')]
doctor *ARGS:
    cargo xtask doctor "$@"

# Make the AWS environment
[group('aws')]
infra-apply *ARGS:
    cargo xtask infra-apply "$@"

# Destroy the AWS environment
[group('aws')]
infra-destroy *ARGS:
    cargo xtask infra-destroy "$@"

# Fill the knowledge base
[group('aws')]
kb-populate *ARGS:
    cargo xtask kb-populate "$@"

# Compare the repository with itself
[group('quality')]
check *ARGS:
    cargo xtask check "$@"

# Run every test
[group('quality')]
test *ARGS:
    cargo xtask test "$@"
