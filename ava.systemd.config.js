// `npm run test:systemd`: set-up in a container that has booted, which takes minutes.
export default {
  files: ['dist/test/systemd/*.js'],
  timeout: '10m',
  workerThreads: false,
}
