#!/usr/bin/env bash
# The test of page.sh itself: pages that are broken on purpose must fail, and be named with the line that is at fault.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wrong=0 tested=0

# check TITLE PAGE_TEXT CODE FOUND…: the page ends with the code, and each FOUND stands in what was said.
check() {
  local title=$1 code=0 said found; shift
  printf '%b' "$1" >"$folder/page.md"
  said=$(tests/docs/page.sh "$folder/page.md" 2>&1) || code=$?
  tested=$((tested + 1))
  if ((code != $2)); then
    echo "page.sh, $title: exit code $code, not $2: $said"; wrong=$((wrong + 1)); return
  fi
  for found in "${@:3}"; do
    [[ $said == *"$found"* ]] || { echo "page.sh, $title: \"$found\" is not in: $said"; wrong=$((wrong + 1)); }
  done
}

at="$folder/page.md"
check "good blocks share variables" 'one\n```sh\nX=5\n```\n```bash\ntest $X = 5\n```\n' 0 "page.md: 2 blocks run"
check "a page without blocks" 'words\n' 0 ""
check "a failing command" 'one\n\n```sh\necho said before\nls /nonexistent\necho after\n```\n' 2 \
  "$at:5:" "line 3" "$ ls /nonexistent" "said before" "No such file"
check "a failing command of the second block" '```sh\ntrue\n```\n\n```sh\nfalse\n```\n' 1 "$at:6:"
check "a failing head of a pipe" '```sh\nfalse | cat\n```\n' 1 "$at:2:"
check "a failing substitution" '```sh\nX=$(false)\n```\n' 1 "$at:2:"
check "an indented block" '1. one\n   ```sh\n   false\n   ```\n' 1 "$at:3:"
check "an unknown command" '```sh\nbelai list\n```\n' 127 "$at:2:" "belai: command not found"
check "a variable that nothing set" '```sh\ntrue\nbelay show "$SAGA"\n```\n' 1 "$at:3:" "SAGA: unbound variable"
check "an unknown subcommand" '```sh\nbelay lits\n```\n' 2 "$at:2:"
check "a placeholder and no server" '```sh\nexport BELAY_SERVER=http://127.0.0.1:1\nbelay show ID\n```\n' 3 "$at:3:"
check "a script that is gone" '```sh\nexamples/demos.sh\n```\n' 127 "$at:2:"
check "an option that the demo does not have" '```sh\nexamples/demo.sh --slow\n```\n' 1 "$at:2:" "does not know --slow"
check "a preset that is gone" '```sh\ncmake --preset fast\n```\n' 1 "$at:2:" "no preset fast"
check "a target that is gone" '```sh\ncmake --build --preset release --target belai\n```\n' 1 "$at:2:" "belai"
check "two commands in a line" '```sh\ntrue && false\n```\n' 1 "$at:2:" "one command a line"
check "a language that nobody runs" 'one\n```\nfalse\n```\n' 1 "$at:2:"
check "a block without end" '```sh\ntrue\n' 1 "has no end"
check "an option that the program does not have" '```usage\nprovider_sim --listen A [--nope]\n```\n' 1 "$at:1:" "--nope"
check "a usage block that is right" '```usage\nprovider_sim --listen A\n```\n' 0 "1 commands checked"
wrong_there="error[BEL1010]: the first line of a definition is \`belay 1\`"
check "a console block that is right" \
  '```belay > a/b.belay\nbelay 1\n```\n```belay >> a/b.belay\n\ntype T\n  x  int\n```\n```console\n$ cat a/b.belay\nbelay 1\n\ntype T\n  x  int\n$ echo two\ntwo\n```\n' \
  0 "page.md: 1 blocks run"
check "a console block that shows something else" \
  '```belay > a/b.belay\n\n```\n```console\n$ belay check a\nall is well\n```\n' 1 "$at:4:" "$wrong_there" "< all is well"
check "a console block without a command" '```console\nall is well\n```\n' 1 "$at:1:" "shows a command"
check "a file outside" '```belay > ../b.belay\nbelay 1\n```\n' 1 "$at:1:"
check "a file of the repository" '```text > tests/x.txt\nx\n```\n' 1 "$at:1:" "files of its own"
# A server that does not end by itself, and then a failure: nothing of it may stay.
check "a failure while a server runs" \
  '```sh\nbelay serve examples/plugin/nothing\nfalse\n```\n' 1 "$at:2:" "it does not get ready"

echo "page.sh: $tested broken and good pages told apart, $wrong wrongly"
((wrong == 0))
