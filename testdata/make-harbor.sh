#!/usr/bin/env bash
# Makes testdata/harbor, the bundled image, from Debian packages. Needs Debian, apt, python3 and zstd-free tools only;
# changes nothing of the machine's apt. Two runs on the same packages give the same digests.
# usage: make-harbor.sh [FOLDER OF .deb FILES]   (default: they are downloaded into a temporary folder)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debs=${1:-$work/debs}
mkdir -p "$debs"
packages="busybox-static base-files netbase media-types"
for arch in amd64 arm64; do
	state=$work/apt-$arch
	mkdir -p "$state"/{lists/partial,cache/archives/partial} "$work/rootfs-$arch"
	opts=(-qq -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" -o APT::Architecture=$arch -o APT::Architectures=$arch
		-o Dir::State::status="$state/status" -o APT::Sandbox::User=root)
	: >"$state/status"
	if ! ls "$debs"/busybox-static_*_$arch.deb >/dev/null 2>&1; then
		apt-get "${opts[@]}" update
		(cd "$debs" && for p in $packages; do apt-get "${opts[@]}" download "$p:$arch" 2>/dev/null || apt-get "${opts[@]}" download "$p"; done)
	fi
	for p in $packages; do
		deb=$(find "$debs" -name "${p}_*_$arch.deb" -o -name "${p}_*_all.deb" | head -n 1)
		mkdir -p "$work/pkg-$arch/$p"
		dpkg-deb -x "$deb" "$work/pkg-$arch/$p"
		printf '%s %s\n' "$p" "$(dpkg-deb -f "$deb" Version)" >>"$work/versions-$arch"
	done
done
rm -rf "$here/harbor"
python3 "$here/make-harbor.py" "$work" "$here/harbor"
