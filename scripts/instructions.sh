#!/usr/bin/env bash
# Counts the instructions of the inner loops under valgrind, and fails when one has grown by
# more than 5 % over benches/instructions/baseline.
#
#   instructions.sh           compare
#   instructions.sh --renew   write the baseline anew
#
# valgrind is unpacked under target/ from the distribution's package, not installed.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"
# shellcheck source=scripts/components.sh
. scripts/components.sh

if component valgrind; then
    DOCKMETER_VALGRIND=$(component_program valgrind valgrind.bin)
    export DOCKMETER_VALGRIND VALGRIND_LIB="$components/valgrind/usr/libexec/valgrind"
elif ! command -v valgrind >/dev/null; then
    echo "instructions: no valgrind: $component_reason" >&2
    exit 1
fi
exec cargo bench --quiet --profile instructions --bench instructions -- "$@"
