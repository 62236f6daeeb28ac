#!/usr/bin/env bash
# Runs Go to build the programs of the test cluster: the host's own where it is new enough, or else one
# that comes as a Go module through the module proxy, which any Go since 1.13 can fetch and check.
# It is kept in build/cluster/go.
#
#   scripts/go.sh ARGUMENT…
#
# Exit code 5: the host lacks something; otherwise Go's own.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
own=$root/build/cluster/go
wanted=1.26.8
# What the modules in test/cluster say that they need.
floor=1.26.6

fail() {
	printf 'go: %s\n' "$*" >&2
	exit 5
}

new_enough() {
	local version
	version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
	[ "$(printf '%s\n' "$floor" "${version#go}" | sort -V | head -n 1)" = "$floor" ]
}

# A module keeps no x bits, and its folder is read-only: the copy gets them back.
fetch() {
	local machine=amd64 module told folder
	[ "$(uname -m)" = aarch64 ] && machine=arm64
	module=golang.org/toolchain@v0.0.1-go$wanted.linux-$machine
	printf 'go: fetching Go %s, the one of this host is too old\n' "$wanted" >&2
	# What went wrong is in the JSON as well.
	told=$(cd / && GOTOOLCHAIN=local GO111MODULE=on go mod download -json "$module") || {
		printf '%s\n' "$told" >&2
		fail "could not fetch $module. It comes from the Go module proxy (go env GOPROXY)."
	}
	folder=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$told")
	mkdir -p "$root/build/cluster"
	rm -rf "$own.new"
	cp -R "$folder" "$own.new"
	chmod -R u+w "$own.new"
	chmod 755 "$own.new"/bin/* "$own.new"/pkg/tool/*/*
	mv -T "$own.new" "$own"
}

if [ -x "$own/bin/go" ]; then
	go=$own/bin/go
elif command -v go >/dev/null 2>&1 && new_enough go; then
	go=go
else
	command -v go >/dev/null 2>&1 || fail 'there is no Go on this host. Run scripts/setup.sh --cluster.'
	fetch
	go=$own/bin/go
fi
export GOTOOLCHAIN=local
exec "$go" "$@"
