// `npm run test:upgrade`: pg_upgrade from one major to another, which scripts/test-upgrade names.
export default {
  files: ['dist/test/upgrade/*.js'],
  timeout: '10m',
  workerThreads: false,
}
