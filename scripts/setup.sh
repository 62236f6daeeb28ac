#!/usr/bin/env bash
# Makes a host ready to build and test Torwacht: system packages by apt, then node_modules by npm ci.
# It looks for what is needed (commands, headers), not for packages, so a host that has everything is
# left alone, whatever its distribution. Run it as often as you like.
#
#   scripts/setup.sh           installs what is missing (apt needs root)
#   scripts/setup.sh --check   installs nothing, says what is missing
#   scripts/setup.sh --cluster the same for what the test cluster needs besides (test/cluster)
#   scripts/setup.sh --kernels the same for what other kernels need besides (test/kernels)
#   scripts/setup.sh --images  the same for what our images need besides (scripts/images)
#
# Exit codes are those of the torwacht command: 2 usage, 4 needs root, 5 the host lacks something.
set -euo pipefail

# The command's own folder may be a checkout that belongs to someone else: nothing here is relative.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
triplet=$(uname -m)-linux-gnu
check_only=${TORWACHT_SETUP_CHECK:-}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
	local code=$1
	shift
	say "$*"
	exit "$code"
}

cluster=
kernels=
images=
for argument; do
	case $argument in
	--check) check_only=1 ;;
	--cluster) cluster=1 ;;
	--kernels) kernels=1 ;;
	--images) images=1 ;;
	*) fail 2 "unknown argument '$argument'. Usage: scripts/setup.sh [--check] [--cluster] [--kernels] [--images]" ;;
	esac
done

# ---- what is needed: probe, package, what for --------------------------------------------------

has_command() { command -v "$1" >/dev/null 2>&1; }
has_header() {
	local folder
	for folder in /usr/include "/usr/include/$triplet" /usr/local/include; do
		[ -e "$folder/$1" ] && return
	done
	return 1
}
has_file() { [ -e "$1" ]; }
# Copied alone into an empty root, busybox has no libraries there: it must bring its own.
has_static_busybox() {
	has_command busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1
}
# libFuzzer and the sanitizers of clang, which come in a package of its version's name.
has_clang_runtime() {
	has_command clang && [ -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]
}
clang_version() {
	local version
	version=$(clang -dumpversion 2>/dev/null || apt-cache policy clang 2>/dev/null |
		sed -n 's/^ *Candidate: //p') || true
	version=${version#*:} # without the epoch
	printf '%s' "${version%%.*}"
}
# npm is needed only to fill node_modules; Node itself then comes from there.
has_npm() { has_command npm || modules_current; }
# Debian's folder, and everybody else's.
has_cni() { [ -x "/usr/lib/cni/$1" ] || [ -x "/opt/cni/bin/$1" ]; }
# Outside PATH, in a folder of its version.
has_postgres() { has_command initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
# Any Go will do that runs: scripts/go.sh gets the right one with it.
has_go() { has_command go || [ -x "$root/build/cluster/go/bin/go" ]; }

needs='
command clang               | clang            | compiles the eBPF programs
clang_runtime               | libclang-rt-CLANG-dev | fuzzes the packet hook
command llvm-strip          | llvm             | strips them
header  bpf/libbpf.h        | libbpf-dev       | loads them
header  libelf.h            | libelf-dev       | libbpf reads objects with it
header  zlib.h              | zlib1g-dev       | libbpf unpacks with it
header  seccomp.h           | libseccomp-dev   | limits socket families
command gcc                 | gcc              | compiles the addon
command musl-gcc            | musl-tools       | compiles the barrier
header  stdio.h             | libc6-dev        | the C library
header  linux/bpf.h         | linux-libc-dev   | the kernel interface
command make                | make             | builds
command bwrap               | bubblewrap       | the sandbox of torwacht run
command nft                 | nftables         | redirects port 53
command ip                  | iproute2         | the network namespaces of the tests
command nsenter             | util-linux       | works in the namespaces of the tests
command ps                  | procps           | works in the namespaces of the tests
command dig                 | bind9-dnsutils   | a DNS client of the tests
command dnsmasq             | dnsmasq-base     | a DNS server of the tests
command dropbear             | dropbear-bin     | an SSH server of the tests
command conntrack           | conntrack        | looks at what the tests left
command protoc              | protobuf-compiler | makes the code of gRPC messages
command curl                | curl             | an HTTP client of the tests
command openssl             | openssl          | certificates of the test servers
command python3             | python3          | runs what poisoned Python packages did
command lua5.1              | lua5.1           | runs health scripts of Argo CD
static_busybox              | busybox-static   | a DNS client of another kind
file    /etc/ssl/certs/ca-certificates.crt | ca-certificates | npm and apt over TLS
npm                         | nodejs npm       | installs node_modules
'
needs_cluster='
command etcd                | etcd-server      | the store of the test cluster
command containerd          | containerd       | its container runtime
command runc                | runc             | starts its containers
cni     ptp                 | containernetworking-plugins | its pod network
command buildah             | buildah          | builds images
command mmdebstrap          | mmdebstrap       | makes the images of jobs
file    /usr/share/keyrings/debian-archive-keyring.gpg | debian-archive-keyring | from Debian, whatever the host is
command musl-gcc            | musl-tools       | a C library of another kind, as in Alpine
command readelf             | binutils         | finds its loader
go                          | golang-go        | builds Kubernetes, or fetches the Go that does
postgres                    | postgresql       | a database of the tests
command prometheus          | prometheus       | tries the dashboard and the rules of alerts
'
needs_images='
command buildah             | buildah          | builds images
command readelf             | binutils         | finds libraries of arm64
command aarch64-linux-gnu-gcc | gcc-aarch64-linux-gnu | compiles for arm64
command dpkg-deb            | dpkg             | unpacks its libraries
file    /usr/share/keyrings/debian-archive-keyring.gpg | debian-archive-keyring | from Debian, whatever the host is
'
needs_kernels='
command qemu-system-x86_64  | qemu-system-x86  | boots other kernels
command apt-get             | apt              | gets them from Debian
command dpkg-deb            | dpkg             | unpacks them
command xz                  | xz-utils         | unpacks their modules
command depmod              | kmod             | lists their modules
command modprobe            | kmod             | loads them there
command cpio                | cpio             | packs what they start with
file    /lib/systemd/systemd | systemd         | the first program of one of them
command dbus-daemon         | dbus             | systemd is spoken to by it there
file    /usr/share/keyrings/debian-archive-keyring.gpg | debian-archive-keyring | from Debian, whatever the host is
'
[ -z "$cluster" ] || needs=$needs$needs_cluster
[ -z "$kernels" ] || needs=$needs$needs_kernels
[ -z "$images" ] || needs=$needs$needs_images

# Sets `missing` (packages) and `reasons` (one line each).
look() {
	missing=()
	reasons=()
	local probe packages names what kind name
	while IFS='|' read -r probe packages what; do
		read -r kind name <<<"$probe"
		[ -n "$kind" ] || continue
		"has_$kind" "$name" && continue
		read -r -a names <<<"${packages/CLANG/$(clang_version)}"
		read -r what <<<"$what"
		missing+=("${names[@]}")
		reasons+=("${name:-$kind} ($what)")
	done <<<"$needs"
}

# ---- system packages --------------------------------------------------------------------------

installable() {
	local candidate
	candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p')
	[ -n "$candidate" ] && [ "$candidate" != '(none)' ]
}

# Hundreds of lines of apt are of use only when it fails.
apt() {
	local output
	output=$(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq "$@" \
		</dev/null 2>&1) && return
	printf '%s\n' "$output" | tail -n 40 >&2
	return 1
}

# Daemons that come with packages stay off where the host has no opinion: we only want the programs.
no_services() {
	local policy=/usr/sbin/policy-rc.d
	[ ! -e "$policy" ] || return 0
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

apt_packages() {
	export DEBIAN_FRONTEND=noninteractive
	[ -z "$cluster" ] || no_services
	say "installing by apt: ${missing[*]}"
	apt update || say 'apt-get update failed, going on with the package lists that are here'
	# bpftool only shows what is loaded. Debian packages it; Ubuntu ties it to each kernel: left out.
	if ! has_command bpftool && installable bpftool; then
		missing+=(bpftool)
	fi
	apt install -y --no-install-recommends "${missing[@]}" ||
		fail 5 "apt could not install: ${missing[*]}. Its own message is above; without these Torwacht cannot be built here."
	hash -r
	look
	if [ ${#missing[@]} -gt 0 ]; then
		fail 5 "still missing after apt: $(joined "${reasons[@]}")"
	fi
}

joined() {
	local first=$1
	shift
	printf '%s' "$first" "${@/#/, }"
}

system_packages() {
	look
	if [ ${#missing[@]} -eq 0 ]; then
		return
	fi
	local what
	what="missing on this host: $(joined "${reasons[@]}")"
	if ! has_command apt-get; then
		fail 5 "$what. This is not Debian or Ubuntu: install what your distribution calls ${missing[*]}, then run make again."
	elif [ -n "$check_only" ]; then
		fail 5 "$what. To install it: apt-get install --no-install-recommends ${missing[*]}"
	elif [ "$(id -u)" != 0 ]; then
		fail 4 "$what. Only root can install it: sudo apt-get install --no-install-recommends ${missing[*]}"
	fi
	apt_packages
}

# ---- node_modules -----------------------------------------------------------------------------

node=$root/node_modules/.bin/node
# One npm for every host; the last that runs on Node 18.
our_npm=10.9.4

node_runs() { [ "$("$node" -p 'parseInt(process.versions.node) >= 24' 2>/dev/null)" = true ]; }

modules_current() {
	node_runs && "$node" "$root/scripts/modules-current.mjs"
}

node_modules() {
	modules_current && return
	[ -z "$check_only" ] || fail 5 'node_modules is not what package-lock.json says. Run: npm ci --ignore-scripts'
	say 'filling node_modules (npm ci)'
	# The host's npm fetches ours, from a folder where it does not look at our lockfile. npm 9 (Debian 12,
	# Ubuntu 24.04) stumbles over a package there that is overridden and wanted by a tag; npm 11 insists
	# on the packages of other platforms, which not every registry has.
	local npm=(npm exec --yes --package="npm@$our_npm" -- npm)
	# No package needs its install script; leaving them out runs nobody's code as root.
	(cd / && "${npm[@]}" --prefix "$root" ci \
		--ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2) ||
		fail 5 'npm ci failed; its own message is above. It needs a package registry that it can reach (npm config get registry).'
	# npm 10 forgets the link, as two packages claim it: this machine's Node and the other one's.
	local machine=x64
	[ "$(uname -m)" = aarch64 ] && machine=arm64
	[ -e "$node" ] || ln -sfn "../node-linux-$machine/bin/node" "$node"
	node_runs ||
		fail 5 "the Node.js 24 in node_modules does not run here ($(uname -m)). There are builds for x86_64 and aarch64 with glibc only."
}

# Two makes at once must not both install. The folder itself is the lock; it leaves no file behind.
exec 9<"$root"
has_command flock && flock 9

system_packages
node_modules
