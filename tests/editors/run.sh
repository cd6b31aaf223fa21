#!/usr/bin/env bash
# What Belay ships for editors, tried on what editors are made of: yaml-language-server with `belay schema`, driven over
# stdio by the protocol's own library, and the TextMate grammar with the engine of VS Code. Needs node and npm; the
# packages of package-lock.json are installed below build/editors once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
belay=${BELAY:-build/release/belay}
[[ -x $belay ]] || belay=build/dev/belay
here=build/editors
mkdir -p "$here"
if ! cmp -s tests/editors/package-lock.json "$here/package-lock.json" || [[ ! -d $here/node_modules ]]; then
  cp tests/editors/package.json tests/editors/package-lock.json "$here/"
  # Registries are slow at times: a second try is no shame.
  npm ci --prefix "$here" --omit=optional --no-audit --no-fund --loglevel=error ||
    npm ci --prefix "$here" --omit=optional --no-audit --no-fund --loglevel=error
fi
"$belay" schema --out "$here/belay.schema.json"
cp tests/editors/*.mjs "$here/"
BELAY_ROOT=$PWD BELAY_PROGRAM=$(realpath "$belay") node --test --test-reporter=tap "$here"/schema.mjs "$here"/grammar.mjs "$here"/lsp.mjs >"$here/log.txt" 2>&1 || true
passed=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$here/log.txt") failed=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$here/log.txt")
if [[ ${failed:-1} != 0 || ${passed:-0} == 0 ]]; then cat "$here/log.txt"; fi
echo "${passed:-0} passed, ${failed:-1} failed"
[[ ${failed:-1} == 0 && ${passed:-0} != 0 ]]
