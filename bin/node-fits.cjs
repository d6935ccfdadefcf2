// Whether the Node.js that runs this is one that package.json's engines allow. As a program it exits 0 if so. For any
// Node.js however old, before any dependency is there: hence CommonJS, and only the two forms of range that engines uses.
const running = process.versions.node.split('.').map(Number)
const wanted = require('../package.json').engines.node

function atLeast(version) {
  for (let i = 0; i < 3; i++) {
    if (running[i] !== version[i]) return running[i] > version[i]
  }
  return true
}

const fits = wanted.split('||').some((alternative) => {
  const range = /^(\^|>=)(\d+)\.(\d+)\.(\d+)$/.exec(alternative.trim())
  if (!range) throw new Error('engines: neither ^a.b.c nor >=a.b.c: ' + alternative)
  const version = range.slice(2).map(Number)
  return atLeast(version) && (range[1] === '>=' || running[0] === version[0])
})

module.exports = { fits, wanted }
if (require.main === module) process.exitCode = fits ? 0 : 1
