// Test files run two at a time, each in a process of its own: they start servers, change their user and load the addon,
// whose libcurl is one for a process.
export default {
  files: [
    'dist/test/**/*.js',
    '!dist/test/**/helpers/**',
    '!dist/test/neighbour/**',
    '!dist/test/package/**',
    '!dist/test/real/**',
    '!dist/test/upgrade/**',
    '!dist/test/systemd/**',
    '!dist/test/fuzz/{main,backend,target,targets/*}.js',
  ],
  concurrency: 2,
  timeout: '2m',
  workerThreads: false,
}
