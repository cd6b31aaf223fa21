# Installs what Belay needs to build and to run, when it is missing. Sourced by tests/run.sh and
# examples/demo.sh; needs Debian 12 or 13 and either root or sudo. Says what it does, does nothing twice.

BELAY_PACKAGES=(
  g++ cmake ninja-build ccache mold pkg-config git curl jq ca-certificates procps
  tao-pegtl-dev libyaml-cpp-dev libpqxx-dev libcpp-httplib-dev nlohmann-json3-dev catch2
  libexpected-dev libcurl4-openssl-dev libssl-dev libre2-dev libabsl-dev tzdata libcli11-dev libspdlog-dev
  graphviz postgresql postgresql-client faketime
)

belay_setup() {
  local missing=() package
  for package in "${BELAY_PACKAGES[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' \
      || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return 0; fi
  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "belay: these Debian packages are missing and neither root nor sudo is at hand:" >&2
      echo "  ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "belay: installing ${#missing[@]} Debian packages: ${missing[*]}"
  # A machine that has no Postgres yet gets the programs, not a cluster of its own that would be started.
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    "${missing[@]}" >/dev/null
}
