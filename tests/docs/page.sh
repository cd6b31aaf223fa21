#!/usr/bin/env bash
# page.sh PAGE: runs the shell blocks of one page of the documentation in the order in which they stand, in one shell, as
# a reader would who copies them: what one block sets, the next one has. The first command that fails ends it with its
# page and line and what it said. Used by tests/docs/run.sh; tests/docs/page_test.sh breaks blocks on purpose.
#
# The shell stands in a scratch folder in which the repository's own folders appear, so that a page may write files.
# Every command is run as it is written, but for those of the rule table below. A block ```belay > FILE (or yaml, text)
# writes that file, >> FILE appends to it. A ```console block shows commands behind `$ ` and what they print, errors
# included; it must be what they print now. BELAY_UPDATE_GOLDEN=1 writes into the page what they print.
#   BELAY_BINARIES       where belay and provider_sim are (build/release)
#   BELAY_DOCS_BETWEEN   a command line run before every block (a world that has to come to rest)
set -eEuo pipefail
shopt -s inherit_errexit
page=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
binaries=${BELAY_BINARIES:-build/release}
[[ $page == /* ]] || page=$root/$page
[[ $binaries == /* ]] || binaries=$root/$binaries  # a relative path would be a function of the rule table again
name=${page#"$root/"}
scratch=$(mktemp -d /tmp/belay-docs-XXXXXX)
chmod 711 "$scratch"  # the private Postgres of root runs as the user postgres
server_pids=() block='' block_line=0 blocks=0 usages=0 failed_at=''

# -- The rule table: what is not run as it is written, and what is done instead ------------------------------------------

# Half an hour of building and testing, which tests/run.sh itself is: they must be there and be scripts without errors.
function examples/demo.sh { only_checked examples/demo.sh; check_script examples/demo.sh "$@"; }
function tests/run.sh { only_checked tests/run.sh; check_script tests/run.sh "$@"; }

# Builds are made before the documentation is tested: the presets and targets named must exist.
cmake() {
  only_checked "cmake $*"
  local presets=configurePresets
  if [[ ${1-} == --build ]]; then presets=buildPresets; shift; fi
  [[ $# -ge 2 && $1 == --preset ]] || fail "the rule for cmake knows --preset and --build --preset, not: cmake $*"
  jq -e --arg name "$2" "any(.${presets}[]; .name == \$name and (.hidden | not))" CMakePresets.json >/dev/null \
    || fail "there is no preset $2 among the $presets"
  local folder=build/$2
  shift 2
  (($# == 0)) && return
  [[ $presets == buildPresets && $1 == --target && $# -ge 2 ]] || fail "the rule for cmake does not know: $*"
  [[ -f $folder/build.ninja ]] || folder=$binaries
  ninja -C "$folder" -t query "${@:2}" >/dev/null
}

# A selection that no longer selects anything is a mistake of the page.
ctest() { command ctest --no-tests=error "$@"; }

# The benchmarks at full length take minutes.
function build/release/tests/saga_bench { "$binaries/tests/saga_bench" "$@" --quick; }
function build/release/tests/flush_bench { "$binaries/tests/flush_bench" 0.2 "$@"; }
function build/release/tests/eval_bench { "$binaries/tests/eval_bench" "$@" --quick; }

# `serve` does not end: it runs until the page does, on a free port. Nobody is there to answer what an act asks.
belay() { belay_command "$binaries/belay" "$@"; }
function build/release/belay { belay_command "$binaries/belay" "$@"; }
function build/dev/plugin { belay_command "$(first_of "$root/build/dev/plugin" "$binaries/plugin")" "$@"; }
belay_command() {
  local program=$1; shift
  case ${1-} in
    serve) serve "$program" "$@" ;;
    cancel | pause | resume | retry | skip | resolve | erase)
      if [[ " $* " == *" --dry-run "* ]]; then "$program" "$@"; else "$program" "$@" --yes; fi ;;
    *) "$program" "$@" ;;
  esac
}

# -- What the rules use ---------------------------------------------------------------------------------------------------

only_checked() { printf '%s\n' "$1" >>"$scratch/only_checked"; }
check_script() {
  [[ -x $1 ]] || fail "$1 is not there, or not executable"
  bash -n "$1"
  (($# == 1)) || grep -qF -- "${*:2}" "$1" || fail "$1 does not know ${*:2}"
}
first_of() { if [[ -x $1 ]]; then echo "$1"; else echo "$2"; fi; }
fail() { echo "$*" >&2; return 1; }

serve() {
  local ready=$scratch/ready.${#server_pids[@]} tries=600
  setsid "$@" --listen 127.0.0.1:0 --once-ready-file "$ready" >"$ready.log" 2>&1 </dev/null &
  server_pids+=($!)
  until [[ -s $ready ]] && curl -s "$(cat "$ready")/readyz" >/dev/null; do
    if ! kill -0 $! 2>/dev/null || ((--tries == 0)); then cat "$ready.log"; fail "it does not get ready: $*"; fi
    sleep 0.1
  done
}

# Servers that a page started; their private Postgres stops with them.
stop_servers() {
  local pid tries
  for pid in "${server_pids[@]}"; do
    kill "$pid" 2>/dev/null || continue
    for ((tries = 300; tries > 0; --tries)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    ((tries > 0)) || { echo "the server $pid does not end" >&4; kill -9 "$pid" || true; }
  done
}

# A `usage` block shows a program with its options: each must be one that the program's --help lists.
check_usage() {
  local program option help
  program=$(awk '{ print $1; exit }' "$1")
  only_checked "$program --help"
  help=$("$binaries/$program" --help)
  for option in $(grep -oE -- '--[a-z][a-z-]*' "$1"); do
    grep -qE -- "(^|[ ,])$option([ ,=]|\$)" <<<"$help" || fail "$program has no option $option"
  done
}

# -- The blocks -----------------------------------------------------------------------------------------------------------

# Runs the commands of a ```console block and compares what they print with what the block shows.
check_console() {
  local line command='' said=$scratch/said
  : >"$said"
  while IFS= read -r line; do
    [[ $line == '$ '* ]] || continue
    command=${line#'$ '}
    printf '%s\n' "$line" >>"$said"
    eval "$command" >>"$said" 2>&1 </dev/null || true  # what a wrong definition earns is what such a block is for
  done <"$1"
  [[ -n $command ]] || fail "a console block shows a command behind \"$ \""
  if [[ -n ${BELAY_UPDATE_GOLDEN-} ]]; then cp "$said" "$1.now"; return; fi
  diff "$1" "$said" || fail "the command prints something else (BELAY_UPDATE_GOLDEN=1 writes it into the page)"
}

# Writes what the console blocks printed into the page.
update_page() {
  awk -v folder="$scratch/blocks" '
    /^ *```/ { skip = 0; print; if ($0 ~ /^```console$/) { file = sprintf("%s/%05d.console.now", folder, NR)
      while ((getline line < file) > 0) { print line; skip = 1 } }; next }
    !skip { print }' "$page" >"$scratch/page"
  cat "$scratch/page" >"$page"
}

# Writes every shell block into a file of its own, with so many empty lines before it that its lines are the page's.
# A fence without a language could be a command that nobody runs: it has to say `text` when it is none. The settings of
# other programs (json, js, lua, toml, elisp) are shown only.
cut_blocks() {
  awk -v folder="$1" -v page="$name" '
    function wrong(what) { printf "%s:%d: %s\n", page, NR, what > "/dev/stderr"; bad = 1 }
    /^ *```/ {
      if (open) { if (shell || usage || shown) close(file); open = shell = usage = shown = 0; next }
      language = $0; gsub(/[ `]/, "", language)
      if (language ~ /^(belay|yaml|text)>>?[a-z_]/) {
        language = $0; target = $0
        sub(/^[^>]*>>? */, "", target)
        file = sprintf("%s/%05d.%s", folder, NR, language ~ />>/ ? "more" : "file")
        open = usage = 1
        printf "%s\n", target > file
        next
      }
      open = 1; shell = language ~ /^(sh|bash)$/
      if (shell) { file = sprintf("%s/%05d", folder, NR); printf "" > file; for (i = 1; i <= NR; i++) print "" > file }
      else if (language == "console") { file = sprintf("%s/%05d.console", folder, NR); shown = 1; printf "" > file }
      else if (language == "usage") { file = sprintf("%s/%05d.usage", folder, NR); usage = 1; printf "" > file }
      else if (language !~ /^(belay|yaml|text|json|js|lua|toml|elisp)$/)
        wrong("a code block is belay, yaml, sh, bash, console, usage or text, not `" language "`")
      next
    }
    usage || shown { print > file }
    shell {
      if (/&&|\|\|/) wrong("one command a line: of `a && b` in a script a failing `a` would not be seen")
      print > file
    }
    END { if (open) wrong("the last code block has no end"); exit bad }' "$page"
}

# The line of the page on which the failing command stands: the innermost frame that is the block.
note_failure() {
  local code=$1 line=$2 frame
  if [[ -z $failed_at ]]; then
    for ((frame = 1; frame < ${#BASH_SOURCE[@]}; frame++)); do
      if [[ ${BASH_SOURCE[frame]} == "$block" ]]; then
        ((frame == 1)) || line=${BASH_LINENO[frame - 1]}
        failed_at=$line
        break
      fi
    done
  fi
  return "$code"
}

finish() {
  local code=$?
  trap - EXIT ERR
  stop_servers
  exec 1>&3 2>&4
  if ((code != 0)); then
    # An unset variable ends the shell without a word to the trap; the shell itself names the line.
    [[ -n $failed_at ]] || failed_at=$(sed -n "s|^$block: line \([0-9]*\):.*|\1|p" "$scratch/output" | tail -n 1)
    echo "$name:${failed_at:-$block_line}: the command failed (exit code $code) in the block that begins here: line $block_line"
    [[ -n $failed_at && -f $block ]] && sed -n "${failed_at}p" "$block" | sed 's/^/  $ /'
    grep -v pop_var_context "$scratch/output" | tail -n 40 | sed 's/^/    /'  # a slip of bash, says nothing
  else
    printf '%s: %d blocks run' "$name" "$((blocks - usages))"
    if [[ -s $scratch/only_checked ]]; then
      printf ', %d commands checked: %s' "$(wc -l <"$scratch/only_checked")" "$(paste -sd ';' "$scratch/only_checked" | sed 's/;/; /g')"
    fi
    echo
  fi
  rm -rf "$scratch"
  exit "$code"
}

mkdir "$scratch/blocks" "$scratch/home"
cut_blocks "$scratch/blocks" || { rm -rf "$scratch"; exit 1; }
ls "$scratch/blocks" >"$scratch/list"
if [[ ! -s $scratch/list ]]; then rm -rf "$scratch"; exit 0; fi

# An answer of 4xx or 5xx is a failure of the block, though curl does not think so by itself.
printf 'fail-with-body\nshow-error\nmax-time = 30\n' >"$scratch/home/.curlrc"
export CURL_HOME=$scratch/home
for entry in "$root"/*; do ln -s "$entry" "$scratch/${entry##*/}"; done
cd "$scratch"
exec 3>&1 4>&2 >"$scratch/output" 2>&1 </dev/null
trap finish EXIT
trap 'note_failure $? $LINENO' ERR
for each in $(cat "$scratch/list"); do
  block=$scratch/blocks/$each block_line=$((10#${each%%.*})) blocks=$((blocks + 1))
  if [[ -n ${BELAY_DOCS_BETWEEN-} ]]; then bash -c "$BELAY_DOCS_BETWEEN"; fi
  echo "-- $name:$block_line"
  case $each in
    *.usage) usages=$((usages + 1)); check_usage "$block" ;;
    *.console) check_console "$block" ;;
    *.file | *.more)
      usages=$((usages + 1))
      target=$(head -n 1 "$block")
      [[ ! -L ${target%%/*} && $target != /* && $target != *..* ]] || fail "a page writes files of its own only, not $target"
      mkdir -p "$(dirname "$target")"
      if [[ $each == *.file ]]; then tail -n +2 "$block" >"$target"; else tail -n +2 "$block" >>"$target"; fi ;;
    *) source "$block" ;;
  esac
done
if [[ -n ${BELAY_UPDATE_GOLDEN-} ]]; then update_page; fi
