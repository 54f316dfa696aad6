#!/usr/bin/env bash
# Installs what a target needs and is missing, and says so; a second call finds everything there and says nothing.
# usage: setup.sh build|web|run|test|soak|bench
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:?usage: setup.sh build|web|run|test|soak|bench}
mkdir -p .cache/bin .cache/stamps

say() { printf 'setup: %s\n' "$*" >&2; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

need() { # need COMMAND WHY
	command -v "$1" >/dev/null || { say "$1 is missing: $2"; exit 1; }
}

apt() { # apt PACKAGE...: installs Debian packages that are not there
	local missing=()
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} = 0 ] && return
	need apt-get "install these by hand: ${missing[*]}"
	say "installing Debian packages: ${missing[*]}"
	root apt-get -qq -o DPkg::Lock::Timeout=300 update
	DEBIAN_FRONTEND=noninteractive root apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >/dev/null
}

once() { # once NAME FILE COMMAND...: runs when FILE has changed since the last time
	local stamp=.cache/stamps/$1 sum
	sum=$(sha256sum <"$2")
	[ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return
	"${@:3}"
	printf '%s\n' "$sum" >"$stamp"
}

js() {
	need npm "install Node.js 20 or later"
	say "installing the JavaScript runtimes of tests/js"
	(cd tests/js && npm ci --silent --no-progress 2>&1 | { grep -v 'npm warn' || true; }) >&2
}

page() {
	need npm "install Node.js 20 or later"
	say "installing the packages that build the page"
	(cd web && npm ci --silent --no-progress 2>&1 | { grep -v 'npm warn' || true; }) >&2
}

tools() {
	say "building crane, regctl, oras, olareg, registry, conformance and staticcheck into .cache/bin"
	(cd tests/tools && GOBIN="$PWD/../../.cache/bin" go install tool)
}

signer() { # in a module of its own, since it needs other versions of what the tools share
	say "building cosign into .cache/bin, which takes some minutes"
	(cd tests/tools/cosign && GOBIN="$PWD/../../../.cache/bin" go install -trimpath -ldflags='-s -w' tool)
}

need go "install Go 1.26 or later"
case $want in build) exit ;; esac
need node "install Node.js 20 or later"
[ -d web/node_modules ] || rm -f .cache/stamps/page
once page web/package-lock.json page
case $want in web) exit ;; esac
[ -d tests/js/node_modules ] || rm -f .cache/stamps/js
once js tests/js/package-lock.json js
case $want in run) exit ;; esac
[ -x .cache/bin/crane ] || rm -f .cache/stamps/tools
once tools tests/tools/go.sum tools
apt chromium skopeo umoci buildah podman attr zstd curl jq
apt firefox-esr webkit2gtk-driver xvfb
case $want in test) exit ;; esac
apt docker-registry debootstrap gcc libc6-dev
[ -x .cache/bin/cosign ] || rm -f .cache/stamps/cosign
once cosign tests/tools/cosign/go.sum signer
case $want in soak) exit ;; esac
[ -x .cache/bin/dive ] || { say "building dive into .cache/bin"; GOBIN="$PWD/.cache/bin" go install github.com/wagoodman/dive@v0.13.1; }
