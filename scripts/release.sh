#!/usr/bin/env bash
# Makes what is given to others: a static binary, a tarball, a Debian package, and checksums.
set -euo pipefail
# A build that fails must not be followed by packing an old binary.
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"

usage() {
    cat <<'TEXT'
usage: scripts/release.sh [options]

Makes in target/release-files (emptied first):

  dockmeter                            the binary: stripped, linked statically, fat LTO
  dockmeter-VERSION-ARCH-linux.tar.gz  binary, manual page, completions, units, documents
  dockmeter_VERSION_ARCH.deb           Debian package; where dpkg-deb is missing it is left out
  SHA256SUMS                           `sha256sum -c` checks all of them

Times in the archives are those of the last commit, or SOURCE_DATE_EPOCH, and paths of this
machine are kept out of the binary, so that one commit and one toolchain give the same files.

  --profile NAME   cargo's profile (dist); `release` builds in a third of the time
  --binary FILE    pack FILE instead of building
  --only-binary    no archives
  --without-page   a binary without the live page, which serves a plain one; needs no npm
  --page-as-it-is  with the page that is in web/dist; needs no npm either
  --out DIR        where the files go
  --help           this text
TEXT
}

profile=dist
binary=
only_binary=
page=build
out="$root/target/release-files"
while (($#)); do
    case "$1" in
        --help | -h) usage; exit 0 ;;
        --profile) profile=${2:?--profile wants a name}; shift ;;
        --binary) binary=$(realpath "${2:?--binary wants a file}"); shift ;;
        --only-binary) only_binary=yes ;;
        --without-page) page= ;;
        --page-as-it-is) page=there ;;
        --out) out=$(realpath -m "${2:?--out wants a directory}"); shift ;;
        *) usage >&2; echo "release: unknown option \`$1\`" >&2; exit 1 ;;
    esac
    shift
done

fail() { echo "release: $*" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
# The time of the last commit; without git that of the list of changes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
export LC_ALL=C TZ=UTC
umask 022

# build: a static binary for this machine's architecture; prints its path. Static against glibc:
# names of hosts in `tcp://` addresses are still resolved by /etc/hosts and DNS.
build() {
    local target flags
    target=$(rustc -vV | sed -n 's/^host: //p')
    [[ $target == *-linux-* ]] || fail "dockmeter is for Linux, and \`rustc\` builds for \`$target\`"
    case $page in
        build) scripts/page.sh || fail "the live page could not be built; \`--without-page\` leaves it out" ;;
        there) [[ -f web/dist/index.html ]] || fail "there is no page in \`web/dist\`; scripts/page.sh builds it" ;;
    esac
    flags="-C target-feature=+crt-static"
    flags+=" --remap-path-prefix=$root=/dockmeter --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    # With a target named, the flags are not for build scripts and macros, which cannot be static.
    # Into the tree's own folder, whatever a test that calls this builds elsewhere.
    env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS="$flags" CARGO_TARGET_DIR="$root/target" \
        DOCKMETER_WITHOUT_PAGE="$([[ -n $page ]] || echo yes)" cargo build --locked --bin dockmeter --profile "$profile" --target "$target" >&2
    echo "$root/target/$target/$profile/dockmeter"
}

# put MODE FILE TO: a file with a mode, its folders made.
put() { install -D -m "$1" "$2" "$3"; }

# printed TO COMMAND…: a file that the binary prints.
printed() {
    local to=$1
    shift
    mkdir -p "$(dirname "$to")"
    "$out/dockmeter" "$@" >"$to"
}

# Whatever the clock says: files of a release are as old as its commit.
settle() { find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +; }

make_tarball() {
    local name="dockmeter-$version-$(uname -m)-linux" tree file
    tree="$staging/$name"
    put 755 "$out/dockmeter" "$tree/dockmeter"
    for file in README.md LICENSE CHANGELOG.md docs/*.md; do
        put 644 "$file" "$tree/$file"
    done
    printed "$tree/dockmeter.1" manual
    printed "$tree/completions/dockmeter.bash" completions bash
    printed "$tree/completions/_dockmeter" completions zsh
    printed "$tree/completions/dockmeter.fish" completions fish
    for file in dockmeter.service dockmeter.socket dockmeter.default dockmeter.yml sysusers.conf socket-proxy/haproxy.cfg; do
        put 644 "packaging/$file" "$tree/packaging/$file"
    done
    settle "$tree"
    tar -C "$staging" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner -c "$name" | gzip -9n >"$out/$name.tar.gz"
}

make_deb() {
    local tree="$staging/deb" architecture file
    architecture=$(dpkg --print-architecture)
    put 755 "$out/dockmeter" "$tree/usr/bin/dockmeter"
    put 644 packaging/dockmeter.service "$tree/lib/systemd/system/dockmeter.service"
    put 644 packaging/dockmeter.socket "$tree/lib/systemd/system/dockmeter.socket"
    put 644 packaging/dockmeter.default "$tree/etc/default/dockmeter"
    put 644 packaging/dockmeter.yml "$tree/etc/dockmeter/dockmeter.yml"
    printed "$tree/usr/share/man/man1/dockmeter.1" manual
    gzip -9n "$tree/usr/share/man/man1/dockmeter.1"
    printed "$tree/usr/share/bash-completion/completions/dockmeter" completions bash
    printed "$tree/usr/share/zsh/vendor-completions/_dockmeter" completions zsh
    printed "$tree/usr/share/fish/vendor_completions.d/dockmeter.fish" completions fish
    for file in README.md docs/*.md; do
        put 644 "$file" "$tree/usr/share/doc/dockmeter/$file"
    done
    put 644 packaging/socket-proxy/haproxy.cfg "$tree/usr/share/doc/dockmeter/examples/haproxy.cfg"
    put 644 packaging/deb/README.Debian "$tree/usr/share/doc/dockmeter/README.Debian"
    put 644 packaging/deb/copyright "$tree/usr/share/doc/dockmeter/copyright"
    gzip -9nc CHANGELOG.md >"$tree/usr/share/doc/dockmeter/changelog.gz"
    sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" \
        -e "s/@SIZE@/$(find "$tree" -type f -printf '%s\n' | awk '{ bytes += $1 } END { print int(bytes / 1024) + 1 }')/" packaging/deb/control | install -D -m 644 /dev/stdin "$tree/DEBIAN/control"
    put 644 packaging/deb/conffiles "$tree/DEBIAN/conffiles"
    for file in postinst prerm postrm; do
        put 755 "packaging/deb/$file" "$tree/DEBIAN/$file"
    done
    (cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | sort | xargs -d '\n' md5sum) >"$staging/md5sums"
    put 644 "$staging/md5sums" "$tree/DEBIAN/md5sums"
    settle "$tree"
    # How many threads it takes by itself depends on the memory that is free, and shows in the file.
    DPKG_DEB_THREADS_MAX=1 dpkg-deb --build --root-owner-group -Zxz "$tree" "$out/dockmeter_${version}_$architecture.deb" >/dev/null
}

[[ -n $binary ]] || binary=$(build)
rm -rf "$out" && mkdir -p "$out"
put 755 "$binary" "$out/dockmeter"
if [[ -z $only_binary ]]; then
    staging=$(mktemp -d "$root/target/staging.XXXXXX")
    trap 'rm -rf "$staging"' EXIT
    make_tarball
    if command -v dpkg-deb >/dev/null; then
        make_deb
    else
        echo "release: no Debian package, since \`dpkg-deb\` is missing" >&2
    fi
    (cd "$out" && sha256sum ./dockmeter* | sed 's, \./, ,' >SHA256SUMS)
fi
echo "$out"
