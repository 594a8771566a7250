# The stand-in's program for Linux, where the machine at hand cannot compile one. The context is this repository.
FROM rust:1-bookworm
WORKDIR /src
COPY . .
RUN target=$(uname -m)-unknown-linux-musl \
 && rustup target add "$target" \
 && cargo build --locked --package tests --bin standin --target "$target" \
 && mv "target/$target/debug/standin" /standin
