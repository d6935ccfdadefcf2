// Exits 0 if the Node.js that runs this is one that package.json's engines allow. For any Node.js however old, before
// any dependency is there: hence CommonJS, and only the two forms of range that engines uses.
const running = process.versions.node.split('.').map(Number)
const alternatives = require('../../package.json').engines.node.split('||')

function atLeast(wanted) {
  for (let i = 0; i < 3; i++) {
    if (running[i] !== wanted[i]) return running[i] > wanted[i]
  }
  return true
}

const allowed = alternatives.some((alternative) => {
  const range = /^(\^|>=)(\d+)\.(\d+)\.(\d+)$/.exec(alternative.trim())
  if (!range) throw new Error('engines: neither ^a.b.c nor >=a.b.c: ' + alternative)
  const wanted = range.slice(2).map(Number)
  return atLeast(wanted) && (range[1] === '>=' || running[0] === wanted[0])
})
process.exitCode = allowed ? 0 : 1
