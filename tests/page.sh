#!/usr/bin/env bash
# The end of make run: serves the inspector page on the loopback, and prints the address at which it shows the bundled image. Ends
# with Ctrl-C; where nobody looks, since standard output is no terminal, at once.
set -euo pipefail
cd "$(dirname "$0")/.."
bold() { if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

bold "The same verbs in a browser:  the inspector page, bin/stevedore web"
exec 3< <(exec bin/stevedore web --json)
web=$!
trap 'kill "$web" 2>/dev/null || true' EXIT INT TERM
read -r line <&3 || { echo "page: bin/stevedore web did not start" >&2; exit 1; }
url=$(sed -nE 's/.*"url":"([^"]+)".*/\1/p' <<<"$line")
printf '  %s&ref=example:latest\n  Open it to look inside the bundled image; the work is done in the browser. Ctrl-C ends it.\n' "$url"
[ -t 1 ] || exit 0
wait "$web"
