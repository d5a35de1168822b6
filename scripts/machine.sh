#!/usr/bin/env bash
# Runs tests on cgroup v2 with a real kernel: in an emulated machine that holds dockmeter, a
# Docker engine and the test binary.
#
#   machine.sh DIR TESTS DOCKMETER LOAD [ARGUMENT…]
#
# Boots the distribution's cloud kernel under qemu's software emulation (never KVM, which hangs
# on some machines), starts an engine and runs the test binary TESTS with ARGUMENTs in it.
# Exit status: the tests' own; 125 if the machine did not come that far. DIR/console is what
# the machine said, DIR/rows what the truth tests have compared. Needs no root, and the
# components `qemu`, `kernel`, `e2fsprogs`, `docker` and `busybox` (scripts/components.sh).
#
# An initramfs cannot be the root of containers (`pivot_root` refuses it), so a first init only
# loads modules and switches to an ext4 image, which is filled without being mounted.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/components.sh
. "$root/scripts/components.sh"

dir=${1:?a directory}
tests=$(realpath "${2:?the test binary}")
dockmeter=$(realpath "${3:?dockmeter}")
load=$(realpath "${4:?the load program}")
shift 4

# How long the machine may take from power-on to power-off, in seconds.
deadline=${DOCKMETER_TEST_MACHINE_SECONDS:-1200}
# Modules that a container's host has. What they depend on is found.
modules=(virtio_pci virtio_blk overlay veth bridge)
memory_mib=2048
disk_mib=2048

fail() { echo "machine: $*" >&2; exit 125; }

busybox=$(component_program busybox busybox)
kernel=$(find "$components/kernel/boot" -name 'vmlinuz-*' 2>/dev/null | head -n 1)
[[ -n $kernel ]] || fail "no kernel under \`$components/kernel\`"
version=${kernel##*/vmlinuz-}

# install_programs TREE COMPONENT PROGRAM…: copies programs to TREE/usr/bin.
install_programs() {
    local tree=$1 component=$2 program
    shift 2
    for program; do
        cp -L "$(component_program "$component" "$program")" "$tree/usr/bin/"
    done
}

# install_libraries TREE FILE…: copies the libraries of FILEs to where their loader looks.
install_libraries() {
    local tree=$1 library libraries
    shift
    libraries=$(component_libraries docker)
    # `ldd` fails for a program without libraries.
    { LD_LIBRARY_PATH=$libraries ldd "$@" 2>/dev/null || true; } | sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p; s/^\t\(\/[^ ]*\) .*$/\1/p' | sort -u |
        while read -r library; do
            if [[ $library == /lib64/* ]]; then
                cp -L "$library" "$tree/lib64/"
            else
                cp -L "$library" "$tree/usr/lib/"
            fi
        done
}

# install_file TREE FILE: copies a file to the same path under TREE.
install_file() {
    mkdir -p "$1$(dirname "$2")"
    cp -L "$2" "$1$2"
}

# busybox_links TREE: a name for each of busybox' programs in TREE/bin.
busybox_links() {
    local program
    cp -L "$busybox" "$1/bin/busybox"
    while read -r program; do
        [[ -e "$1/bin/$program" ]] || ln -s busybox "$1/bin/$program"
    done < <("$busybox" --list)
}

# module_files NAME…: paths of modules below the kernel's directory, each after what it needs.
module_files() {
    local list="$dir/modules.dep" name line file
    # Not in the package: it is made when a kernel is installed.
    mkdir -p "$dir/depmod/lib/modules"
    ln -sfn "$components/kernel/lib/modules/$version" "$dir/depmod/lib/modules/$version"
    "$busybox" depmod -n -b "$dir/depmod" "$version" 2>/dev/null | sed '/^alias\|^#/d' >"$list"
    for name; do
        line=$(grep -E "(^|/)${name//_/[_-]}\.ko:" "$list" | head -n 1)
        [[ -n $line ]] || fail "the kernel has no module \`$name\`"
        # The list names what is needed last first.
        for file in $(tr ' ' '\n' <<<"${line#*:}" | grep . | tac) "${line%%:*}"; do
            echo "$file"
        done
    done | awk '!seen[$0]++'
}

make_initramfs() {
    local tree="$dir/initramfs.d" file number=100
    mkdir -p "$tree"/{bin,modules,dev,proc,root}
    cp -L "$busybox" "$tree/bin/busybox"
    while read -r file; do
        cp "$components/kernel/lib/modules/$version/$file" "$tree/modules/$((number++))-${file##*/}"
    done < <(module_files "${modules[@]}")
    cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
for module in /modules/*; do $b insmod "$module" || echo "machine: cannot load $module"; done
$b mount -t devtmpfs dev /dev
$b mount -t ext4 -o noatime /dev/vda /root && exec $b switch_root /root /init
echo "machine: no root"
$b poweroff -f
INIT
    chmod +x "$tree/init"
    (cd "$tree" && find . | "$busybox" cpio -o -H newc 2>/dev/null) | gzip -1 >"$dir/initramfs"
}

make_disk() {
    local tree="$dir/disk.d" argument
    mkdir -p "$tree"/{bin,dev,etc,lib64,proc,run,sys,tmp,truth,usr/bin,usr/lib,var}
    ln -s usr/lib "$tree/lib"
    busybox_links "$tree"
    install_programs "$tree" docker dockerd docker containerd containerd-shim-runc-v2 runc
    install_file "$tree" "$dockmeter"
    cp -L "$tests" "$tree/truth/tests"
    cp -L "$load" "$tree/truth/load"
    install_libraries "$tree" "$tests" "$dockmeter" "$tree"/usr/bin/*
    echo 'root:x:0:0:root:/:/bin/sh' >"$tree/etc/passwd"
    echo 'root:x:0:' >"$tree/etc/group"
    echo '127.0.0.1 localhost machine' >"$tree/etc/hosts"
    for argument; do printf '%s\n' "$argument"; done >"$tree/truth/arguments"
    cp "$root/scripts/machine-init.sh" "$tree/init"
    chmod +x "$tree/init"
    rm -f "$dir/disk"
    "$(component_program e2fsprogs mke2fs)" -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,root_owner=0:0 \
        -d "$tree" "$dir/disk" "${disk_mib}M" >/dev/null
}

# Starts the machine and shows on stderr what it says about its progress.
boot() {
    local share="$components/qemu/usr/share" qemu
    qemu=$(component_program qemu qemu-system-x86_64)
    # The emulation itself is a module of qemu.
    QEMU_MODULE_DIR=$(find "$components/qemu" -type d -path '*/lib/*/qemu' | head -n 1) LD_LIBRARY_PATH=$(component_libraries qemu) timeout --foreground --kill-after=10 "$deadline" \
        "$qemu" -accel tcg,thread=multi -cpu max -smp 2 -m "$memory_mib" \
        -nodefaults -no-user-config -no-reboot -display none -vga none -serial stdio -L "$share/qemu" -L "$share/seabios" \
        -kernel "$kernel" -initrd "$dir/initramfs" \
        -append "console=ttyS0 quiet panic=-1 psi=1 mitigations=off tsc=reliable clocksource=tsc no_timer_check" \
        -drive "file=$dir/disk,format=raw,if=virtio,cache=unsafe,discard=unmap" </dev/null |
        sed -u 's/\r//g' | tee "$dir/console" | grep --line-buffered -E '^(machine: |test )' >&2 || true
}

rm -rf "$dir"
mkdir -p "$dir"
make_initramfs
make_disk "$@"
rm -rf "$dir"/*.d "$dir/depmod"
boot
sed -n '/^machine: rows$/,/^machine: end of rows$/{/^machine:/!p}' "$dir/console" >"$dir/rows"
rm -f "$dir/disk" "$dir/initramfs"
status=$(sed -n 's/^machine: exit status \([0-9]*\)$/\1/p' "$dir/console" | tail -n 1)
if [[ -z $status ]]; then
    tail -n 20 "$dir/console" >&2
    fail "it has not run the tests to their end (it had $deadline s); what it said is in $dir/console"
fi
[[ $status == 0 ]] || sed -n '/^machine: tests$/,/^machine: end of tests$/p' "$dir/console" >&2
exit "$status"
