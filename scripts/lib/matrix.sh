# shellcheck shell=bash
# Tests that are run on each major of PostgreSQL in turn. Needs say.sh, apt.sh, tap.sh, majors.sh; the current directory
# is the clone's.

# matrix NAME COMMAND [--again] [MAJOR…]: calls COMMAND with a major, for those given or all there are. It is to write
# ava's TAP report to its standard output; PGINSTALL_TEST_PG_CONFIG names a server of that major then. What passed for
# the same tree is not run again without --again, so that an interrupted run goes on where it was. Ends with a line a
# major: what passed, failed or was skipped, and why.
matrix() {
  local state=.cache/$1 command=$2 again=no major root tree wanted
  shift 2
  [ "${1-}" != --again ] || { again=yes; shift; }
  local all=("$@") summary=() passed=0 failed=0
  [ $# -gt 0 ] || all=("${majors[@]}" "${upcoming[@]}" "${missing[@]}")
  mkdir -p "$state"
  installations=$(mktemp -d)
  trap 'rm -rf "$installations"' EXIT
  chmod 755 "$installations"
  tree=$(fingerprint src native pgext protocol test scripts package-lock.json ./ava.*.js)
  for major in "${all[@]}"; do
    root=$(user_cache)/roots/$major
    if ! scripts/postgres-root "$major" "$root" > "$state/$major.log" 2>&1; then
      summary+=("$major: skipped: $(reason "$state/$major.log")")
      continue
    fi
    wanted="$tree $(< "$root/.recipe")"
    if [ "$again" = no ] && is_stamped "$state/$major.passed" "$wanted"; then
      summary+=("$major: passed before, for the same tree; --again runs it again")
    else
      run_major "$major"
    fi
  done
  printf '%s\n' "${summary[@]}"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

# run_major MAJOR: builds, then runs matrix's command on an installation of that major.
run_major() {
  local major=$1 built
  rm -f "$state/$major".{passed,tap,log}
  built=$(scripts/build-majors "$major" 2> "$state/$major.log") || true
  if [[ $built != *': built against '* ]]; then
    tail -n 40 "$state/$major.log" >&2
    finish "$major" 0 1 "could not be built: ${built#*: }"
    return
  fi
  say "$built"
  local pg_config status=0 counts
  pg_config=$(scripts/postgres-installation "$major" "$installations/$major")
  PGINSTALL_TEST_PG_CONFIG=$pg_config PATH="${pg_config%/*}:$PATH" \
    "$command" "$major" > "$state/$major.tap" 2> "$state/$major.log" || status=$?
  read -ra counts < <(tap_counts "$state/$major.tap" "$status")
  tap_failures "$state/$major.tap" >&2
  finish "$major" "${counts[@]}" "${counts[0]} passed, ${counts[1]} failed, ${built#*: }"
  mapfile -t -O "${#summary[@]}" summary < <(tap_skips "$state/$major.tap" | sed "s/^/$major: /")
  [ "${counts[1]}" -ne 0 ] || stamp "$state/$major.passed" "$wanted"
  rm -rf "${installations:?}/$major"
}

# finish MAJOR PASSED FAILED TEXT
finish() {
  local mark=
  if is_upcoming "$1"; then
    mark=' (not released yet: not counted)'
  else
    passed=$((passed + $2)) failed=$((failed + $3))
  fi
  [ "$3" -eq 0 ] || mark+="; see $state/$1.tap and $state/$1.log"
  summary+=("$1: $4$mark")
}
