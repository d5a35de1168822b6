#!/usr/bin/env bash
# Puts images with PostgreSQL servers into a Docker engine of the tests.
#
#   postgres.sh DIR NAME…   makes the image `dockmeter-NAME` in the engine of scripts/engine.sh
#                           in DIR, for each NAME: the components `postgres`, `postgres17` and
#                           `postgres18`
#
# A server refuses to run as root and finds its files beside itself, so it lives in a container
# of its own as the user `nobody`: the programs and libraries of the components, a fresh data
# directory in /data, the superuser `postgres` who needs no password, and everybody else with
# SCRAM. Needs root and the components `docker`, `busybox`, those NAMEs and, for `postgres17` and
# `postgres18`, `libc17` and `libc18` (scripts/components.sh).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/components.sh
. "$root/scripts/components.sh"

dir=${1:?the directory of an engine}
shift
docker=$(component_program docker docker)
system=/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu

client() { DOCKER_CONFIG="$dir/client" timeout 300 "$docker" -H "unix://$dir/docker.sock" "$@"; }

# libraries COMPONENT FILE…: the shared libraries that programs and modules are linked with, as
# the loader finds them in a component, then in its C library, then in the system.
libraries() {
    local component=$1 loader='' path
    shift
    path=$(component_libraries "$component")
    if [[ $component != postgres ]]; then
        local libc=libc${component#postgres}
        path="$(component_libraries "$libc"):$path"
        loader=$(find "$components/$libc" -name 'ld-linux-*' -path '*/lib64/*' -o -name 'ld-linux-*' | head -n 1)
        [[ -n $loader ]] && echo "$loader"
    fi
    for file; do
        if [[ -n $loader ]]; then
            "$loader" --library-path "$path:$system" --list "$file"
        else
            LD_LIBRARY_PATH=$path ldd "$file"
        fi
    done | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p; s/^\t\(\/[^ ]*\) (.*/\1/p' | sort -u
}

# tree COMPONENT DIRECTORY: what the image holds, without the data.
tree() {
    local component=$1 tree=$2 postgres version modules library
    postgres=$(component_program "$component" postgres)
    postgres=$(readlink -f "$postgres")
    version=$(basename "$(dirname "$(dirname "$postgres")")")
    modules="$(dirname "$(dirname "$postgres")")/lib"
    mkdir -p "$tree"/{bin,etc,tmp,data,lib64,usr/lib/x86_64-linux-gnu,usr/lib/postgresql,usr/share/postgresql,usr/share/zoneinfo}
    ln -s usr/lib "$tree/lib"
    cp -r "$(dirname "$(dirname "$postgres")")" "$tree/usr/lib/postgresql/$version"
    # What compiles queries is large and not wanted.
    rm -rf "$tree/usr/lib/postgresql/$version/lib"/{bitcode,llvmjit*}
    cp -r "$(dirname "$postgres")/../../../../share/postgresql/$version" "$tree/usr/share/postgresql/$version"
    cp -r /usr/share/zoneinfo/{Etc,UTC} "$tree/usr/share/zoneinfo/"
    for library in $(libraries "$component" "$postgres" "$(dirname "$postgres")/initdb" "$modules"/{pg_stat_statements,plpgsql,dict_snowball}.so); do
        cp -Lf "$library" "$tree/usr/lib/x86_64-linux-gnu/"
        [[ $library != *ld-linux* ]] || cp -Lf "$library" "$tree/lib64/"
    done
    echo 'nobody:x:65534:65534::/tmp:/bin/sh' >"$tree/etc/passwd"
    cp "$(component_program busybox busybox)" "$tree/bin/busybox"
    for program in sh cat ls mkdir chmod; do ln -s busybox "$tree/bin/$program"; done
    ln -s "/usr/lib/postgresql/$version/bin" "$tree/pg"
    chown -R 65534:65534 "$tree/data"
    chmod 700 "$tree/data"
    chmod 1777 "$tree/tmp"
}

for name; do
    client image inspect "dockmeter-$name" >/dev/null 2>&1 && continue
    staging="$dir/$name.tree"
    rm -rf "$staging"
    tree "$name" "$staging"
    tar -C "$staging" -c . | client import -c 'USER 65534' -c 'ENV LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu' - "$name-bare" >/dev/null
    rm -rf "$staging"
    made=$(client run -d "$name-bare" sh -c "/pg/initdb -D /data -U postgres -A trust --no-locale -E UTF8 &&
        echo 'host all postgres all trust' >/data/pg_hba.conf && echo 'local all all trust' >>/data/pg_hba.conf &&
        echo 'host all all all scram-sha-256' >>/data/pg_hba.conf")
    if [[ $(client wait "$made") != 0 ]]; then
        client logs "$made" >&2
        exit 1
    fi
    client commit -c 'CMD ["/pg/postgres", "-D", "/data", "-k", "/tmp"]' "$made" "dockmeter-$name" >/dev/null
    client rm "$made" >/dev/null
done
