# shellcheck shell=bash
# What ava's TAP report says.

# tap_counts REPORT STATUS: prints how many tests passed and how many failed. An ava that ended badly, or ran nothing,
# counts as a failure even if no test does.
tap_counts() {
  awk -v status="$2" '
    /^1\.\.[0-9]+$/ { closing = 1 }
    closing && /^# pass [0-9]+$/ { passed = $3 }
    closing && /^# fail [0-9]+$/ { failed = $3 }
    END {
      if (failed + 0 == 0 && (status != 0 || passed + 0 == 0)) {
        printf "not ok - ava ended with status %d and %d passed tests\n", status, passed > "/dev/stderr"
        failed = 1
      }
      print passed + 0, failed + 0
    }' "$1"
}

# tap_failures REPORT: a line a failed test.
tap_failures() {
  sed -nE 's/^not ok [0-9]* *(- )?/failed: /p' "$1"
}

# tap_skips REPORT: a line a skipped test.
tap_skips() {
  sed -nE 's/^ok [0-9]+ (- )?(.*) # SKIP.*/skipped: \2/p' "$1"
}
