# shellcheck shell=bash disable=SC2034 # `component_reason` is read by the callers
# Servers that `./run` and `./test` need, unpacked from the distribution's packages.
#
# Sourced, not run. Everything lands under `target/components`: nothing is installed, no
# service is started, and the system's own package lists are neither read nor changed.
# Needs `root` (the project's directory) to be set by the caller.

# shellcheck disable=SC2154 # `root` is the caller's
components="${root:?}/target/components"

# Why the last `component` failed, for people.
component_reason=

say() { printf '==> %s\n' "$*" >&2; }

# components_of NAME: its packages on one line (`?` marks one that only some releases have, `>`
# one that stands for the package it depends on), then the programs that have to come out of
# them, then the suite they come from if it is not the system's own.
components_of() {
    case "$1" in
        docker) echo "docker.io containerd runc tini ?docker-cli"; echo "dockerd docker containerd runc" ;;
        # A current engine beside the release's own. Its `runc` would want a newer libc than
        # older releases have, so that of `docker` stays in use (scripts/engine.sh).
        docker28) echo "docker.io docker-cli containerd tini"; echo "dockerd docker containerd"; echo newest ;;
        podman) echo "podman conmon runc golang-github-containers-common"; echo "podman conmon runc" ;;
        # A current one beside which the host's families are held.
        node-exporter) echo "prometheus-node-exporter"; echo "prometheus-node-exporter"; echo newest ;;
        busybox) echo "busybox-static"; echo "busybox" ;;
        ip) echo "iproute2"; echo "ip" ;;
        prometheus) echo "prometheus ?promtool"; echo "prometheus promtool" ;;
        # A current Prometheus beside the release's own.
        prometheus3) echo "prometheus promtool"; echo "prometheus promtool"; echo newest ;;
        alertmanager) echo "prometheus-alertmanager"; echo "prometheus-alertmanager amtool" ;;
        # A current Alertmanager beside the release's own.
        alertmanager33) echo "prometheus-alertmanager"; echo "prometheus-alertmanager amtool"; echo newest ;;
        # A store for years behind Prometheus.
        victoria-metrics) echo "victoria-metrics"; echo "victoria-metrics" ;;
        # `valgrind` itself is a script that looks for this program where it would be installed.
        valgrind) echo "valgrind"; echo "valgrind.bin" ;;
        # Counts system calls for a benchmark.
        strace) echo "strace"; echo "strace" ;;
        faketime) echo "faketime libfaketime"; echo "faketime" ;;
        haproxy) echo "haproxy"; echo "haproxy" ;;
        # Unpacked, it runs in containers only, as another user than root (scripts/postgres.sh).
        postgres) echo ">postgresql"; echo "postgres initdb" ;;
        # Later servers, and the C libraries that they want: an image holds both.
        postgres17) echo ">postgresql"; echo "postgres initdb"; echo trixie ;;
        libc17) echo "libc6"; echo; echo trixie ;;
        postgres18) echo ">postgresql"; echo "postgres initdb"; echo newest ;;
        libc18) echo "libc6"; echo; echo newest ;;
        # What our families of PostgreSQL are held beside.
        postgres-exporter) echo "prometheus-postgres-exporter"; echo "prometheus-postgres-exporter"; echo newest ;;
        compose) echo "docker-compose"; echo "docker-compose"; echo newest ;;
        qemu) echo "qemu-system-x86 qemu-system-common qemu-system-data seabios"; echo "qemu-system-x86_64" ;;
        kernel) echo ">linux-image-cloud-amd64"; echo ;;
        # What the page is tried in, with letters of its own, so that it looks the same everywhere.
        chromium) echo "chromium chromium-common fontconfig-config fonts-inter fonts-dejavu-core"; echo "chromium" ;;
        e2fsprogs) echo "e2fsprogs"; echo "mke2fs" ;;
        llvm) echo "llvm-$(rust_llvm_major)"; echo "llvm-profdata llvm-cov" ;;
        *) say "no component is called \`$1\`"; return 1 ;;
    esac
}

# The major version of LLVM that rustc was built with: profiles can only be read by the same.
rust_llvm_major() { rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p'; }

# component NAME: makes a component's programs available; false, and `component_reason` set,
# if it cannot be had. A program that the system already has serves where no package does.
component() {
    local name=$1 packages programs suite program
    { read -r packages; read -r programs; read -r suite || suite=; } < <(components_of "$name")
    if [[ ! -e "$components/$name/.unpacked" ]] && ! unpack_component "$name" "$packages" "$programs" "${suite:-stable}"; then
        [[ -n $programs ]] || return 1
        # What is wanted newer than the system's own is not what the system has.
        [[ -z $suite || $name == compose ]] || return 1
        for program in $programs; do
            command -v "$program" >/dev/null || return 1
        done
    fi
    for program in $programs; do
        if ! component_program "$name" "$program" >/dev/null; then
            component_reason="the packages \`$packages\` hold no program \`$program\`"
            return 1
        fi
    done
}

# component_program NAME PROGRAM: prints the path of an unpacked program, or the system's.
component_program() {
    local candidate
    if [[ -e "$components/$1/.unpacked" ]]; then
        while read -r candidate; do
            [[ -x "$candidate" ]] && echo "$candidate" && return 0
        done < <(find "$components/$1" \( -path "*bin/$2" -o -path "*/cli-plugins/$2" \) ! -type d | sort)
    fi
    command -v "$2"
}

# component_path NAME…: the components' directories of programs, each followed by a colon.
component_path() {
    local name directory
    for name; do
        for directory in usr/local/bin usr/sbin usr/bin sbin bin; do
            [[ -d "$components/$name/$directory" ]] && printf '%s:' "$components/$name/$directory"
        done
    done
    return 0
}

# component_libraries NAME: the directories of shared libraries that came with a component.
component_libraries() {
    [[ -d "$components/$1" ]] || return 0
    find "$components/$1" \( -name '*.so.*' -o -name 'lib*.so' \) -printf '%h\n' | sort -u | paste -sd: -
}

# unpack_component NAME PACKAGES PROGRAMS SUITE: downloads, unpacks and completes a component.
unpack_component() {
    local name=$1 wanted=$2 programs=$3 suite=$4 package packages=() staging
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        component_reason="\`$wanted\` would be unpacked from Debian packages, and this system has no apt-get; install it yourself"
        return 1
    fi
    [[ $name == compose ]] && refresh_lists stable && has_compose_2 && suite=stable
    refresh_lists "$suite" || return 1
    for package in $wanted; do
        if [[ $package == \?* ]]; then
            has_package "$suite" "${package#\?}" && packages+=("${package#\?}")
        elif [[ $package == \>* ]]; then
            packages+=("$(depends_on "$suite" "${package#>}")")
        else
            packages+=("$package")
        fi
    done
    say "unpacking $name (${packages[*]})"
    staging="$components/.$name.$$"
    rm -rf "$staging" && mkdir -p "$staging"
    if ! unpack "$suite" "$staging" "${packages[@]}"; then
        rm -rf "$staging"
        return 1
    fi
    [[ $name != chromium ]] || see_own_letters "$staging" "$components/$name"
    # shellcheck disable=SC2086 # a list of names
    complete_libraries "$suite" "$staging" "$programs" "${packages[@]}"
    # shellcheck disable=SC2086 # likewise
    [[ $name != alertmanager* ]] || see_own_share "$staging" $programs
    echo "${packages[@]}" >"$staging/.unpacked"
    rm -rf "${components:?}/$name" && mv "$staging" "$components/$name"
}

# see_own_share DIRECTORY PROGRAM…: has programs find the files that they look for below /usr/share
# where they were unpacked: a script takes a program's place and gives it a mount namespace of its
# own, in which both are one.
see_own_share() {
    local directory=$1 program
    shift
    for program; do
        mv "$directory/usr/bin/$program" "$directory/usr/bin/$program.unpacked"
        cat >"$directory/usr/bin/$program" <<'SCRIPT'
#!/bin/sh
if ! [ "$1" = --sees-own-share ]; then
    self=$(readlink -f "$0")
    [ "$(id -u)" = 0 ] && map= || map=--map-root-user
    exec unshare --mount $map "$self" --sees-own-share "$self" "$@"
fi
self=$2
shift 2
mount -t overlay overlay -o "lowerdir=${self%/bin/*}/share:/usr/share" /usr/share || exit
exec "$self.unpacked" "$@"
SCRIPT
        chmod 755 "$directory/usr/bin/$program"
    done
}

# see_own_letters DIRECTORY LATER: has a browser be started without the distribution's script, and
# writes which letters it has, as it will be in LATER.
see_own_letters() {
    ln -sf ../lib/chromium/chromium "$1/usr/bin/chromium"
    cat >"$1/fonts.conf" <<XML
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>$2/usr/share/fonts</dir>
  <cachedir>$2/fonts.cache</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
XML
}

# unpack SUITE DIRECTORY PACKAGE…: downloads packages and unpacks them into a directory.
unpack() {
    local suite=$1 directory=$2 package debs="$components/debs/$1"
    shift 2
    mkdir -p "$debs"
    for package; do
        compgen -G "$debs/${package}_*.deb" >/dev/null && continue
        if ! (cd "$debs" && apt "$suite" get download "$package") >"$components/apt.log" 2>&1; then
            component_reason="could not download the package \`$package\`: $(tail -n 1 "$components/apt.log")"
            return 1
        fi
    done
    for package; do
        # The newest, should an older one lie beside it.
        dpkg -x "$(find "$debs" -name "${package}_*.deb" -printf '%T@ %p\n' | sort -rn | head -n 1 | cut -d' ' -f2)" "$directory" || {
            component_reason="could not unpack the package \`$package\`"
            return 1
        }
    done
}

# complete_libraries SUITE DIRECTORY PROGRAMS PACKAGE…: adds the library packages that the
# programs miss on this system, three levels of dependencies deep.
complete_libraries() {
    local suite=$1 directory=$2 programs=$3 level more=()
    shift 3
    for level in 1 2 3; do
        libraries_missing "$directory" "$programs" || return 0
        mapfile -t more < <(apt "$suite" cache depends --no-recommends --no-suggests "$@" |
            sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' | grep -vx 'libc6' | sort -u | not_installed "$suite")
        ((${#more[@]})) || return 0
        say "adding libraries, level $level (${more[*]})"
        unpack "$suite" "$directory" "${more[@]}" || return 0
        set -- "${more[@]}"
    done
}

# not_installed SUITE: of the packages on its input, those that the system does not have. What
# it has serves the programs of its own suite.
not_installed() {
    local package
    while read -r package; do
        [[ $1 == stable && $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed* ]] || echo "$package"
    done
}

# libraries_missing DIRECTORY PROGRAMS: whether the loader would miss a library of a program.
libraries_missing() {
    local program path libraries
    libraries=$(find "$1" \( -name '*.so.*' -o -name 'lib*.so' \) -printf '%h\n' | sort -u | paste -sd: -)
    for program in $2; do
        path=$(find "$1" -path "*bin/$program" -perm -u+x ! -type d | head -n 1)
        [[ -n $path && $(LD_LIBRARY_PATH=$libraries ldd "$path" 2>/dev/null) == *'not found'* ]] && return 0
    done
    return 1
}

# apt SUITE get|cache …: apt with package lists of our own.
apt() {
    local state="$components/apt/$1" command=$2 options=()
    shift 2
    options=(-o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache" -o Acquire::Languages=none -o Acquire::Retries=3
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
    [[ $(id -u) == 0 ]] && options+=(-o APT::Sandbox::User=root)
    [[ -d "$state/sources" ]] && options+=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$state/sources")
    "apt-$command" "${options[@]}" "$@"
}

has_package() { apt "$1" cache show "$2" >/dev/null 2>&1; }

# depends_on SUITE PACKAGE: the first package that another one depends on, or the package itself.
depends_on() {
    local first
    first=$(apt "$1" cache depends --important "$2" 2>/dev/null | sed -n 's/^ *Depends: \([^ ]*\)$/\1/p' | head -n 1)
    echo "${first:-$2}"
}

# Whether the system's own release has Docker Compose 2; Debian 12 has 1.29, which is Python.
has_compose_2() {
    local version
    version=$(apt stable cache policy docker-compose | sed -n 's/^ *Candidate: //p')
    [[ $version =~ ^([0-9]+:)?([2-9]|[0-9]{2,})\. ]]
}

# refresh_lists SUITE: reads the package lists, unless that was done within a day.
refresh_lists() {
    local state="$components/apt/$1"
    [[ -n $(find "$state/refreshed" -mmin -1440 2>/dev/null) ]] && return 0
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    [[ $1 == stable ]] || derive_sources "$1" "$state/sources" || return 1
    say "reading package lists ($1)"
    if ! apt "$1" get update >"$components/apt.log" 2>&1; then
        component_reason="could not read the package lists: $(tail -n 1 "$components/apt.log")"
        return 1
    fi
    touch "$state/refreshed"
}

# derive_sources SUITE DIRECTORY: the machine's own sources of its release, pointed at another
# suite: the newest, or one by its name. Only on Debian, where suites have names.
derive_sources() {
    local release suite=${1/#newest/sid} sources=$2 file
    # shellcheck disable=SC1091
    release=$(. /etc/os-release && [[ $ID == debian ]] && echo "$VERSION_CODENAME")
    if [[ -z $release ]]; then
        component_reason="this release has no package that is new enough"
        return 1
    fi
    rm -rf "$sources" && mkdir -p "$sources"
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -e $file ]] && awk -v release="$release" -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n\n" }
            $0 ~ "\nSuites:([^\n]* )?" release "( |\n|$)" { sub(/\nSuites:[^\n]*/, "\nSuites: " suite); print }' "$file" >>"$sources/derived.sources"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -e $file ]] && awk -v release="$release" -v suite="$suite" '$1 == "deb" {
            for (i = 2; i <= NF; i++) if ($i == release) { $i = suite; print; next } }' "$file" >>"$sources/derived.list"
    done
    if [[ -z $(find "$sources" -type f -size +0) ]]; then
        component_reason="found no source of packages for \`$release\` from which to derive `$suite`"
        return 1
    fi
}
