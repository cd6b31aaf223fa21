#!/usr/bin/env bash
# The crash campaign (docs/testing.md). --ci: ten minutes at most. --full: at least 1,000 node kills, 100 stops past the
# lease and 200 kills of Postgres over at least 50,000 sagas, some hours, in legs: each leaves a report in
# build/campaign, and what is interrupted goes on with the leg that it was at (empty that folder to begin anew; BELAY_LEGS=2
# makes two legs side by side). --negative: commits that do not wait for the disk, which the guard is told to let pass; succeeds when the
# campaign finds that work was lost or done twice. Anything else goes to the program (--help). BELAY_BUILD names another
# build folder than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${BELAY_BUILD:-build/release}
if [[ ! -x $build/tests/campaign || ! -x $build/belay || ! -x $build/provider_sim ]]; then
  [[ $build == build/release ]] || { echo "campaign: $build/tests/campaign is not built" >&2; exit 1; }
  source tests/setup.sh
  belay_setup
  cmake --preset release >/dev/null
  cmake --build --preset release --target belay provider_sim campaign
fi
mode=${1:-}
case $mode in
  --ci)
    shift
    exec "$build/tests/campaign" --for 360 --limit 560 --rate 6 --sagas 1500 --node-kills 25 --postgres-kills 8 --stops 3 \
      --links 15 --restarts 3 --node-clocks 2 --database-clocks 3 --clock-back 20 --disks-full 1 --promotions 1 "$@" ;;
  --full)
    shift
    legs=12 reports=build/campaign
    mkdir -p "$reports"
    leg() {
      local report=$reports/leg-$1.json
      [[ -e $report ]] && { echo "leg $1 of $legs: made before"; return; }
      echo "leg $1 of $legs: its course is in $reports/leg-$1.txt"
      "$build/tests/campaign" --limit 7200 --rate 8 --sagas 4200 --node-kills 84 --postgres-kills 17 --stops 9 --links 50 \
        --restarts 13 --node-clocks 5 --database-clocks 5 --clock-back 20 --disks-full 2 --promotions 2 --report "$report" "${@:2}" \
        >"$reports/leg-$1.txt" 2>&1 || true
      tail -n 3 "$reports/leg-$1.txt" | sed "s/^/leg $1: /"
    }
    for ((number = 1; number <= legs; ++number)); do
      while (($(jobs -pr | wc -l) >= ${BELAY_LEGS:-1})); do wait -n; done
      leg "$number" "$@" &
    done
    wait
    exec "$build/tests/campaign" --sagas 50000 --node-kills 1000 --postgres-kills 200 --stops 100 --links 600 --restarts 150 \
      --node-clocks 50 --database-clocks 50 --disks-full 20 --promotions 20 --sum "$reports"/leg-*.json ;;
  --negative)
    shift
    out=$(mktemp)
    trap 'rm -f "$out"' EXIT
    code=0
    "$build/tests/campaign" --negative --for 40 --limit 200 --rate 10 --postgres-kills 10 "$@" >"$out" 2>&1 || code=$?
    grep -v '^WRONG' "$out"
    grep '^WRONG' "$out" | cut -c1-200 | head -5 || true
    if ((code == 1)) && grep -qE '^[0-9]+ sagas promised; (lost [1-9]|lost 0, doubled [1-9])' "$out"; then
      echo "as it must be: without synchronous_commit the campaign fails"
    else
      echo "campaign: the negative control did not find lost or doubled work (exit code $code)" >&2
      exit 1
    fi ;;
  *) exec "$build/tests/campaign" "$@" ;;
esac
