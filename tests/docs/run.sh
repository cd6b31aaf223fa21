#!/usr/bin/env bash
# The code blocks of the documentation are real: the ```belay and ```yaml blocks of a page are one workspace and must be
# free of errors; a block whose first line is `# not checked` is left out. README.md's fragment of a workflow is checked
# together with the actions it names (tests/docs/readme_world.belay).
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
    fi
  fi
  rm -rf "$dir"
done < <(git ls-files '*.md')
echo "$checked pages with code checked, $failed with errors"
((failed == 0 && checked > 0))
