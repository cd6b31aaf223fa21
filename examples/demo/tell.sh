# How the demo speaks: headings, plain words, checks that end it, pauses for people. Colour only on a terminal.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' cyan=$'\e[36m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' cyan='' plain=''
fi

say() { printf '%s\n' "${*:-}"; breathe 1.2; }
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; breathe 1.5; }
ok() { printf '%s✓ %s%s\n' "$green" "$*" "$plain"; }
quiet() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
command_line() { printf '%s$ %s%s\n' "$cyan" "$*" "$plain"; breathe 1; }
indent() { sed 's/^/    /'; }

# Time to read, for people only.
breathe() { if [[ $fast == false && -t 1 ]]; then sleep "$1"; fi; }

# Says what is off, and ends the demo.
off() {
  printf '%s✗ %s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}

# expect WHAT FOUND WANTED
expect() {
  [[ $2 == "$3" ]] || off "$1: it is $2, but should be $3"
  ok "$1: $2"
}

# until_true SECONDS COMMAND…: tries until it succeeds; fails when the time is over.
until_true() {
  local until=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}

euro() { printf '%d.%02d EUR' $(($1 / 100)) $(($1 % 100)); }
