#!/bin/bash
# Builds the Kubernetes binaries from Debian 12's source package, in a throwaway build root, so that the machine gets no compiler.
#   build.sh WORK_DIR OUTPUT_DIR MIRROR SOURCE_VERSION COMMAND...
# WORK_DIR    emptied and removed by the caller; needs 6 GiB
# OUTPUT_DIR  receives one file per COMMAND (kube-apiserver ...)
set -euo pipefail

work=$1 output=$2 mirror=$3 source_version=$4
shift 4
root=$work/root
mkdir -p "$work"
suite=bookworm

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*"; }

say "build root: $suite with Go 1.19"
debootstrap --variant=minbase \
  --include=golang-1.19-go,golang-github-modern-go-reflect2-dev,make,gcc,libc6-dev,rsync,dpkg-dev,xz-utils,ca-certificates \
  "$suite" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log"; exit 1; }
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf 'deb-src %s %s main\n' "$mirror" "$suite" >"$root/etc/apt/sources.list.d/source.list"

cat >"$root/build" <<'INSIDE'
#!/bin/bash
set -euo pipefail
cd /srv
apt-get -qq update
apt-get -qq source --only-source "kubernetes=$SOURCE_VERSION"
cd kubernetes-*/
# The vendored reflect2 1.0.1 crashes the API server on custom resources with Go 1.18 and later; Debian's own package is fixed.
reflect2=vendor/github.com/modern-go/reflect2
rm -f "$reflect2"/*.go "$reflect2"/*.s
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$reflect2"/
rm -f "$reflect2"/*_test.go
export PATH=/usr/lib/go-1.19/bin:$PATH GOFLAGS=-mod=vendor CGO_ENABLED=0
make all WHAT="${COMMANDS// / }"
INSIDE
chmod +x "$root/build"

say "source package kubernetes $source_version and build of: $*"
commands=$(printf 'cmd/%s ' "$@")
# Own mount and PID namespace: nothing stays mounted, whatever ends this script.
unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" \
  chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  SOURCE_VERSION="$source_version" COMMANDS="${commands% }" /build

mkdir -p "$output"
for command in "$@"; do
  # _output/bin is an absolute link that only resolves inside the build root.
  install -m 0755 "$root"/srv/kubernetes-*/_output/local/go/bin/"$command" "$output/$command"
done
say "built into the output directory: $*"
