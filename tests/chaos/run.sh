#!/usr/bin/env bash
# Kills the engine and Postgres over and over while sagas run, then does the books. Options go to the program
# (--sagas 300 --kills 20 --seed N --limit SECONDS). BELAY_BUILD names another build folder than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${BELAY_BUILD:-build/release}
if [[ ! -x $build/tests/chaos || ! -x $build/belay ]]; then
  [[ $build == build/release ]] || { echo "chaos: $build/tests/chaos is not built" >&2; exit 1; }
  source tests/setup.sh
  belay_setup
  cmake --preset release >/dev/null
  cmake --build --preset release --target belay provider_sim chaos
fi
exec "$build/tests/chaos" "$@"
