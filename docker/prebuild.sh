#!/usr/bin/env bash
# Compiles the binaries of the images on this machine and puts them where the Dockerfile takes them:
#
#   docker/prebuild.sh                 # the profile `fast`; or: docker/prebuild.sh release
#   BINARIES=prebuilt docker compose -f docker/compose.yaml up --build
#
# Faster than compiling in a container, and needs no image of a compiler. Linux on the images' own architecture only.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-fast}
target=$(rustc -vV | sed -n 's/^host: //p')
case $target in
    *-linux-gnu) ;;
    *) echo "prebuild: $target is not what runs in a Linux container; let Docker compile (BINARIES=build)" >&2 && exit 1 ;;
esac

# As in the Dockerfile.
RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile "$profile" --target "$target" \
    --workspace --exclude tests --exclude testkit --exclude entropy --bins

rm -rf target/image
mkdir -p target/image
find "target/$target/$profile" -maxdepth 1 -type f -executable -exec cp -t target/image {} +
strip --strip-all target/image/*
echo "prebuild: $(ls target/image | wc -l) binaries in target/image"
