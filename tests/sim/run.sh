#!/bin/sh
# The simulation as CI runs it: everything of small scope, 100,000 seeds, and the checks checked. Prints counts and times;
# fails with a plan that repeats what went wrong. Nightly: tests/sim/run.sh --nightly MINUTES.
set -eu
cd "$(dirname "$0")/../.."
cmake --preset release >/dev/null
cmake --build build/release --target sim sim_defects >/dev/null
sim=build/release/tests/sim
if [ "${1:-}" = --nightly ]; then exec "$sim" --nightly "${2:-60}"; fi
echo "== every schedule of small scope"
"$sim" --exhaustive
echo "== seeds"
"$sim" --seeds 100000
echo "== the same seed twice"
[ "$("$sim" --seed 4711 --trace)" = "$("$sim" --seed 4711 --trace)" ]
echo "the same, line by line"
echo "== defects on purpose"
build/release/tests/sim_defects
