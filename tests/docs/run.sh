#!/usr/bin/env bash
# The code blocks of the documentation are real. The ```belay and ```yaml blocks of a page are one workspace and must be
# free of errors, and their scenarios come true; README.md's fragment of a workflow is checked together with the actions it names
# (tests/docs/readme_world.belay). The shell blocks of a page are run in their order (tests/docs/page.sh says what is
# done instead of a whole build); a page that needs a world around it has a script here that makes it. `belay …` in
# running text must name a subcommand and options that exist.
# Needs the release build of belay, provider_sim, plugin, saga_bench, flush_bench and eval_bench, and the dev build's test_plugin.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
belay=${BELAY:-build/release/belay}
[[ -x $belay ]] || belay=build/dev/belay
failed=0 checked=0
while IFS= read -r page; do
  dir=$(mktemp -d)
  awk -v dir="$dir" '
    /^```(belay|yaml)$/ { n++; ext = substr($0, 4); file = dir "/block" n "." ext; open = 1; next }
    /^```/ { if (open) { close(file); open = 0 } next }
    open { print > file }' "$page"
  if compgen -G "$dir/block*" >/dev/null; then
    # Blocks of other YAML (configuration and the like) have no `belay: 1` and are skipped by the compiler.
    [[ $page == README.md ]] && cp tests/docs/readme_world.belay "$dir/"
    checked=$((checked + 1))
    if ! "$belay" check "$dir" >"$dir/out.txt" 2>&1; then
      failed=$((failed + 1)); echo "$page:"; cat "$dir/out.txt"
    elif grep -qsE '^scenario' "$dir"/block* && ! "$belay" test "$dir" >"$dir/out.txt" 2>&1; then
      failed=$((failed + 1)); echo "$page: its scenarios"; cat "$dir/out.txt"
    fi
  fi
  rm -rf "$dir"
done < <(git ls-files '*.md')
echo "$checked pages with code checked, $failed with errors"
((checked > 0)) || failed=1

export BELAY_BINARIES=${BELAY_BINARIES:-build/release}
tests/docs/page_test.sh || failed=$((failed + 1))
while IFS= read -r page; do
  case $page in
    docs/ops/stuck-saga.md) run=tests/docs/stuck_saga_world.sh ;;
    docs/ops/migrating.md) run=tests/docs/migrating_world.sh ;;
    *) run=tests/docs/page.sh ;;
  esac
  "$run" "$page" || failed=$((failed + 1))
done < <(git ls-files '*.md')

# `belay graph WORKFLOW --format svg` in a sentence. The decisions in docs/adr also name what is not there yet.
said=0
while IFS=: read -r page line words; do
  read -r _ subcommand _ <<<"${words//\`/}"
  said=$((said + 1))
  help=$("$belay" "$subcommand" --help 2>&1) || { echo "$page:$line: there is no belay $subcommand"; failed=$((failed + 1)); continue; }
  for option in $(grep -oE -- '--[a-z][a-z-]*' <<<"$words" || true); do
    grep -qF -- "$option" <<<"$help" || { echo "$page:$line: belay $subcommand has no $option"; failed=$((failed + 1)); }
  done
done < <(git ls-files '*.md' ':!docs/adr' | xargs grep -noE '`belay [a-z][^`]*`')
echo "$said commands in sentences checked; $failed failures in all"
((failed == 0 && said > 0))
