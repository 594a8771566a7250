# Each recipe is one line into `cargo xtask`; arguments are passed on.

_default:
    @just --list

# Start everything and wait until it is ready
[group('dev')]
dev-up *ARGS:
    cargo xtask dev-up {{ ARGS }}

# Stop the stack; --volumes removes its data
[group('dev')]
dev-down *ARGS:
    cargo xtask dev-down {{ ARGS }}

# Build the images from the checkouts
[group('dev')]
dev-build *ARGS:
    cargo xtask dev-build {{ ARGS }}

# Follow the logs
[group('dev')]
dev-logs *ARGS:
    cargo xtask dev-logs {{ ARGS }}

# List the services
[group('dev')]
dev-ps *ARGS:
    cargo xtask dev-ps {{ ARGS }}

# Show what runs and what has changed
[group('dev')]
dev-status *ARGS:
    cargo xtask dev-status {{ ARGS }}

# Restart services
[group('dev')]
dev-restart *ARGS:
    cargo xtask dev-restart {{ ARGS }}

# Run a command in a service's container
[group('dev')]
dev-exec *ARGS:
    cargo xtask dev-exec {{ ARGS }}

# Apply, repeat or repair the schemas
[group('dev')]
schema *ARGS:
    cargo xtask schema {{ ARGS }}

# Find what this machine lacks
[group('dev')]
doctor *ARGS:
    cargo xtask doctor {{ ARGS }}

# Make the AWS environment
[group('aws')]
infra-apply *ARGS:
    cargo xtask infra-apply {{ ARGS }}

# Destroy the AWS environment
[group('aws')]
infra-destroy *ARGS:
    cargo xtask infra-destroy {{ ARGS }}

# Fill the knowledge base
[group('aws')]
kb-populate *ARGS:
    cargo xtask kb-populate {{ ARGS }}

# Compare the repository with itself
[group('quality')]
check *ARGS:
    cargo xtask check {{ ARGS }}

# Run every test
[group('quality')]
test *ARGS:
    cargo xtask test {{ ARGS }}
