// `npm run test:real`: real extensions besides those of `npm test`, whose sources have to be fetched.
export default {
  files: ['dist/test/real/**/*.js'],
  timeout: '10m',
  workerThreads: false,
}
