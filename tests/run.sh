#!/usr/bin/env bash
# What make run shows: the bundled image, asked for by every front end in its own way, and that the answers are the same
# bytes. Leaves nothing running and nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../testdata"
root=..
answers=$(mktemp -d)
started=()

# shellcheck disable=SC2317 # called by the trap
finish() {
	local status=$?
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	rm -rf "$answers"
	exit $status
}
trap finish EXIT

bold() { if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

few() { # few LINES: the first lines of a text, no wider than a terminal, and how many more there are
	awk -v most="$1" 'NR <= most { print "  " (length($0) > 98 ? substr($0, 1, 97) "…" : $0) } END { if (NR > most) print "  … and " NR - most " lines more" }'
}

wait_for() { # wait_for FILE PATTERN: prints what the pattern's group matched, once it is there
	for _ in $(seq 300); do
		sed -nE "s/.*$2.*/\\1/p" "$1" 2>/dev/null | head -n 1 | grep . && return
		sleep 0.1
	done
	echo "run: nothing came up: $(cat "$1")" >&2
	return 1
}

# Each of these prints the JSON of a verb: FRONT VERB REFERENCE. The platform is named, since the native default is the machine's.
platform=linux/amd64
native() { "$root/bin/stevedore" "$1" "$2" --platform "$platform" --json; }
command_node() { node --no-warnings "$root/tests/jsrun/wasi-command.mjs" "$root/bin/stevedore-cli.wasm" . "$1" "$2" --platform "$platform" --json; }
reactor_wazero() { "$answers/embed" "$root/bin/stevedore.wasm" "$1" "{\"ref\":\"$2\",\"platform\":\"$platform\"}"; }
driver_node() { node "$root/examples/node/main.mjs" "$root/bin/stevedore.wasm" "$1" "{\"ref\":\"$2\",\"platform\":\"$platform\"}" harbor=harbor; }
edge_workerd() {
	node -e 'fetch(process.argv[1]).then(async r => { console.log(await r.text()); process.exitCode = r.ok ? 0 : 1 })' "http://127.0.0.1:$edge/$1?ref=$2&platform=$platform"
}

ask() { # ask FRONT: keeps all three answers
	mkdir -p "$answers/$1"
	[ "$1" = edge_workerd ] || "$1" inspect oci:harbor:latest >"$answers/$1/inspect"
	[ "$1" = edge_workerd ] || "$1" files oci:harbor:latest >"$answers/$1/files"
	[ "$1" = command_node ] || "$1" inspect "$registry/harbor:latest" >"$answers/$1/registry"
}

show() { # show FRONT TITLE
	ask "$1"
	bold "$2"
	for answer in inspect files; do
		if [ -e "$answers/$1/$answer" ]; then sed 's/},{"path"/},\n{"path"/g' "$answers/$1/$answer" | few 2; fi
	done
	if [ ! -e "$answers/$1/files" ]; then few 1 <"$answers/$1/registry"; fi
}

cell() { # cell FRONT ANSWER WHY: equal to the native answer, or why there is none
	if [ ! -e "$answers/$1/$2" ]; then
		echo "$3"
	elif cmp -s "$answers/native/$2" "$answers/$1/$2"; then
		echo "equal"
	else
		echo "DIFFERS"
		touch "$answers/differs"
	fi
}

# A registry and an edge function, on ports of the loopback that are free.
"$root/bin/stevedore" serve --json --listen 127.0.0.1:0 oci:harbor >"$answers/serve.log" 2>&1 &
started+=($!)
registry=$(wait_for "$answers/serve.log" '"address":"([^"]+)"')
ALLOW=$registry "$root/tests/js/node_modules/.bin/workerd" serve "$root/examples/edge/workerd.capnp" \
	--socket-addr=http=127.0.0.1:0 --control-fd=3 3>"$answers/edge.log" 2>&1 &
started+=($!)
edge=$(wait_for "$answers/edge.log" '"port":([0-9]+)')
go build -o "$answers/embed" "$root/examples/embed"

bold "The native binary:  stevedore inspect --platform $platform oci:harbor:latest"
"$root/bin/stevedore" inspect --platform "$platform" oci:harbor:latest | few 99
bold "The native binary:  stevedore files --long --platform $platform oci:harbor:latest '/opt/app/links/*'"
"$root/bin/stevedore" files --long --platform "$platform" oci:harbor:latest '/opt/app/links/*' | few 12
ask native

show command_node "WASI:  stevedore-cli.wasm, the same command line, in Node's WASI"
show reactor_wazero "WASI:  stevedore.wasm in a Go program (examples/embed, wazero)"
show driver_node "JavaScript:  stevedore.wasm in Node (examples/node)"
show edge_workerd "Edge:  GET /inspect?ref=$registry/harbor:latest to a Worker (examples/edge, workerd)"

bold "The JSON of each, compared byte by byte"
row() { printf '  %-24s  %-18s  %-18s  %s\n' "$@"; }
row "" "inspect" "files" "inspect"
row "" "oci:harbor:latest" "oci:harbor:latest" "$registry/harbor:latest"
row "native" "$(wc -c <"$answers/native/inspect") bytes" "$(wc -c <"$answers/native/files") bytes" "$(wc -c <"$answers/native/registry") bytes"
row "WASI command, Node" "$(cell command_node inspect)" "$(cell command_node files)" "$(cell command_node registry "has no sockets")"
row "WASI reactor, wazero" "$(cell reactor_wazero inspect)" "$(cell reactor_wazero files)" "$(cell reactor_wazero registry)"
row "JavaScript, Node" "$(cell driver_node inspect)" "$(cell driver_node files)" "$(cell driver_node registry)"
row "edge function, workerd" "$(cell edge_workerd inspect "has no files")" "$(cell edge_workerd files "has no files")" "$(cell edge_workerd registry)"
if [ -e "$answers/differs" ]; then
	printf '\nThey differ: that is a defect.\n' >&2
	exit 1
fi
printf '\nAll of them are equal.\n'
