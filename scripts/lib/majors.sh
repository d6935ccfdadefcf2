# shellcheck shell=bash
# The majors of PostgreSQL that the scripts for all of them go through.

# Those that we support and Debian has.
majors=(13 15 17 18)

# Not released yet: built and tested all the same, and what fails there is shown and fails no run.
upcoming=(19)

# Supported, and not to be had here: named, so that nobody takes them for tested.
missing=(14 16)

is_upcoming() {
  [[ " ${upcoming[*]} " == *" $1 "* ]]
}

# reason LOG: why a script that wrote it has failed, in its own words.
reason() {
  sed -n 's/^error: //p' "$1" | tail -n 1
}
