// `npm run test:package`: packs, installs and starts the package, which takes minutes.
export default {
  files: ['dist/test/package/**/*.js'],
  timeout: '10m',
  workerThreads: false,
}
