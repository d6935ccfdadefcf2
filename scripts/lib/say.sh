# shellcheck shell=bash
# How the set-up scripts speak: progress and errors on standard error, in the wording the programs use too.

say() {
  printf '%s\n' "$*" >&2
}

# die MESSAGE [HINT]: the message in lower case without a full stop, the hint in sentences.
die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

# fingerprint PATH…: one hash of the names and contents of all files below, for stamps. Contents and not times, because
# git, tar and npm set times as they like. Paths that do not exist count as empty.
fingerprint() {
  local path present=()
  for path; do
    [ ! -e "$path" ] || present+=("$path")
  done
  find "${present[@]}" -type f ! -name '.*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

# stamp FILE TEXT: renamed into place, so that an interrupted step never looks finished.
stamp() {
  printf '%s\n' "$2" > "$1.new"
  mv -f "$1.new" "$1"
}

# is_stamped FILE TEXT
is_stamped() {
  [ -f "$1" ] && [ "$(< "$1")" = "$2" ]
}
