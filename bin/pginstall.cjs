#!/usr/bin/env node
// What people start: looks whether Node.js is new enough, then runs the command. Plain JavaScript that an old Node.js can
// read, which it could not the command itself: npm only warns of `engines`, and distributions' own releases are old.
const { fits, wanted } = require('./node-fits.cjs')

if (fits) {
  import('../dist/src/cli/main.js')
} else {
  process.stderr.write(
    [
      'pginstall: error: pginstall needs Node.js ' + wanted + ', this is ' + process.version,
      'DETAIL: The Node.js that was started is ' + process.execPath + '.',
      'HINT: Install a Node.js of such a version, and put its directory first in PATH.',
      'SQLSTATE: 0A000',
      '',
    ].join('\n'),
  )
  process.exitCode = 1
}
