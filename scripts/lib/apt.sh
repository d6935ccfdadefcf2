# shellcheck shell=bash
# A private apt for other Debian suites than this machine's: own sources, lists and cache below the user's cache
# directory. It reads the machine's apt settings, mirror and keys, changes nothing of them, and needs no root.
# Needs say.sh.

# Where downloads of ours live; all of it can be deleted at any time.
user_cache() {
  local base=${XDG_CACHE_HOME:-${HOME:-}/.cache}
  [[ $base == /*/* ]] || die "could not find a cache directory: neither HOME nor XDG_CACHE_HOME is set"
  printf '%s/pginstall\n' "$base"
}

# debian_mirror SUFFIX ('' or '-security'): the mirror that this machine's own release (or its security updates) comes from.
debian_mirror() {
  local release suffix=$1
  release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME-}")
  # shellcheck disable=SC2016 # the $(…) are apt's placeholders
  apt-get indextargets --format '$(RELEASE) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
    awk -v wanted="$release$suffix" '($1 == wanted || $2 == wanted) && !found { print $NF; found = 1 }'
}

# apt_source TYPE MIRROR SUITE: one line of a sources list.
apt_source() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed=
  [ ! -f "$keyring" ] || signed="[signed-by=$keyring] "
  printf '%s %s%s %s main\n' "$1" "$signed" "$2" "$3"
}

# apt_state DIR: makes the directory a state for private_apt; its sources come from standard input.
apt_state() {
  mkdir -p "$1"/{state/lists/partial,cache/archives/partial}
  : > "$1/status"
  cat > "$1/sources.list"
  # The hooks of the machine's settings clean the machine's own cache: not ours to run. A suite out of support has an
  # expired Release file; its packages are for building and testing, and hashes and signatures are checked all the same.
  cat > "$1/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$1/state";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
CONF
}

# private_apt DIR PROGRAM [ARG…]: apt-get or another of apt's programs on that state.
private_apt() {
  local state=$1 program=$2
  shift 2
  "$program" -qq -c "$state/apt.conf" "$@"
}

# update_lists DIR: at most once a day, since what we look for in a suite rarely changes.
update_lists() {
  [ -z "$(find "$1/updated" -mmin -1440 2> /dev/null)" ] || return 0
  private_apt "$1" apt-get update -o APT::Update::Error-Mode=any >&2 || return 1
  touch "$1/updated"
}
