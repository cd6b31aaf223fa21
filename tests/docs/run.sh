#!/usr/bin/env bash
# The code blocks of the documentation are real. The ```belay and ```yaml blocks of a page are one workspace and must be
# free of errors, and their scenarios come true; a page whose examples use actions and events of others names them in a
# line `<!-- world: FILE -->`.
# A yaml block right behind a belay block is its twin: it stays out of the workspace and must say the same in the other
# form (`belay convert` writes both the same way). Blocks that are written into a file (```belay > FILE) belong to the
# ```console blocks of their page. The shell and console blocks of a page are run in their order (tests/docs/page.sh
# says what is done instead of a whole build); a page that needs a world around it has a script here that makes it.
# `belay …` in running text must name a subcommand and options that exist; so must links and codes of diagnostics.
# Needs the release build of belay, provider_sim, plugin, saga_bench, flush_bench and eval_bench, and the dev build's test_plugin.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
belay=${BELAY:-build/release/belay}
[[ -x $belay ]] || belay=build/dev/belay
failed=0 checked=0 twins=0
while IFS= read -r page; do
  dir=$(mktemp -d)
  mkdir "$dir/twins"
  # What stands between a block and its twin is empty lines.
  awk -v dir="$dir" '
    /^```(belay|yaml)$/ {
      n++; ext = substr($0, 4); open = 1
      file = ext == "yaml" && before ? dir "/twins/block" before ".yaml" : dir "/block" n "." ext
      before = ext == "belay" ? n : 0
      next
    }
    /^```/ { if (open) close(file); else before = 0; open = 0; next }
    open { print > file; next }
    /[^ ]/ { before = 0 }' "$page"
  if compgen -G "$dir/block*" >/dev/null; then
    # Blocks of other YAML (configuration and the like) have no `belay: 1` and are skipped by the compiler.
    world=$(sed -n 's/^<!-- world: \(.*\) -->$/\1/p' "$page")
    [[ -z $world ]] || cp "$world" "$dir/"
    checked=$((checked + 1))
    mv "$dir/twins" "$dir.twins"
    if ! "$belay" check "$dir" >"$dir.out" 2>&1; then
      failed=$((failed + 1)); echo "$page:"; cat "$dir.out"
    elif grep -qsE '^scenario' "$dir"/block* && ! "$belay" test "$dir" >"$dir.out" 2>&1; then
      failed=$((failed + 1)); echo "$page: its scenarios"; cat "$dir.out"
    fi
    for twin in "$dir.twins"/*.yaml; do
      [[ -f $twin ]] || continue
      twins=$((twins + 1))
      written=$dir/$(basename "$twin" .yaml).belay
      if ! diff <("$belay" convert --to belay "$written" 2>&1) <("$belay" convert --to belay "$twin" 2>&1) >"$dir.out"; then
        failed=$((failed + 1)); echo "$page: the two forms of ${twin##*/} differ:"; cat "$dir.out"
      fi
    done
  fi
  rm -rf "$dir" "$dir.twins" "$dir.out"
done < <(git ls-files '*.md')
echo "$checked pages with code checked, $twins examples in both forms; $failed with errors"
((checked > 0 && twins > 0)) || failed=1

export BELAY_BINARIES=${BELAY_BINARIES:-build/release}
tests/docs/page_test.sh || failed=$((failed + 1))
while IFS= read -r page; do
  case $page in
    docs/ops/stuck-saga.md) run=tests/docs/stuck_saga_world.sh ;;
    docs/ops/migrating.md) run=tests/docs/migrating_world.sh ;;
    docs/ops/retention.md) run=tests/docs/retention_world.sh ;;
    *) run=tests/docs/page.sh ;;
  esac
  "$run" "$page" || failed=$((failed + 1))
done < <(git ls-files '*.md')

# `belay graph WORKFLOW --format svg` in a sentence. The decisions in docs/adr also name what is not there yet.
said=0
while IFS=: read -r page line words; do
  read -r _ subcommand _ <<<"${words//\`/}"
  said=$((said + 1))
  help=$("$belay" "$subcommand" --help-all 2>&1) || { echo "$page:$line: there is no belay $subcommand"; failed=$((failed + 1)); continue; }
  for option in $(grep -oE -- '--[a-z][a-z-]*' <<<"$words" || true); do
    grep -qF -- "$option" <<<"$help" || { echo "$page:$line: belay $subcommand has no $option"; failed=$((failed + 1)); }
  done
done < <(git ls-files '*.md' ':!docs/adr' | xargs grep -noE '`belay [a-z][^`]*`')
echo "$said commands in sentences checked"

# Codes of diagnostics, and links to files and headings of this repository.
codes=0 links=0
for code in $(git ls-files 'docs/language/*.md' | xargs grep -hoE 'BEL[0-9]{4}' | sort -u); do
  codes=$((codes + 1))
  "$belay" explain "$code" >/dev/null 2>&1 || { echo "docs/language: there is no $code"; failed=$((failed + 1)); }
done
while IFS=: read -r page line link; do
  link=${link#](}
  link=${link%)}
  [[ $link == *:* || $link == '#'* ]] && continue
  links=$((links + 1))
  [[ -e $(dirname "$page")/${link%%#*} ]] || { echo "$page:$line: there is no $link"; failed=$((failed + 1)); }
done < <(git ls-files '*.md' | xargs grep -noE '\]\([^) ]+\)')
echo "$codes codes and $links links checked; $failed failures in all"
((failed == 0 && said > 0 && codes > 0 && links > 0))
