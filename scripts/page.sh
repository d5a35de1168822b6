#!/usr/bin/env bash
# Builds the live page in `web/` into `web/dist`, from where cargo takes it (build.rs).
#
#   scripts/page.sh
#
# Does nothing where that is newer than its sources, and needs no npm then. Silent; where it fails
# the reason is one line on standard error, and target/page.log has what npm said.
set -euo pipefail

cd "$(dirname "$0")/.."

log=target/page.log
built=web/dist/index.html

fail() { echo "$*" >&2; exit 1; }

# is_current: whether no source is newer than what was built.
is_current() {
    [[ -f $built ]] &&
        [[ -z $(find web \( -path web/node_modules -o -path web/dist \) -prune -o -type f -newer "$built" -print -quit) ]]
}

# npm_does WORDS...: runs npm in web/, and fails with its last word of an error.
npm_does() {
    (cd web && npm "$@") </dev/null >>"$log" 2>&1 && return
    local word
    word=$(grep -iE 'error|not found|denied' "$log" | grep -v 'complete log of this run' | tail -n 1) || true
    fail "\`npm $*\` failed (${word:-without a word}); $log has all of it"
}

[[ -f web/package.json ]] || fail "there are no sources of the page in \`web\`"
! is_current || exit 0
command -v npm >/dev/null || fail "no \`npm\` in PATH; install Node.js with npm"
mkdir -p target
: >"$log"
# What npm notes of an installation is newer than the list that it was made from.
[[ web/node_modules/.package-lock.json -nt web/package-lock.json ]] || npm_does ci --no-audit --no-fund
npm_does run build
[[ -f $built ]] || fail "\`npm run build\` left no \`$built\`; $log has what it said"
# A build that changes nothing may leave the file as it was.
touch "$built"
