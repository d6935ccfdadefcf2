// `npm run test:majors`: what depends on the server's major, run against each.
import config from './ava.config.js'

export default {
  ...config,
  files: [
    'dist/test/e2e/*.js',
    'dist/test/e2e/bad-days/{cancel,transactions}.js',
    'dist/test/pgext/*.js',
    'dist/test/hostile/{remember,sql,control-file,control-path,session,preloaded}.js',
    'dist/test/model/control-file-by-server.js',
    'dist/test/adapters/{pg-config,private-cluster}.js',
    // Debian's own installation of 15 on a machine of its own.
    '!dist/test/e2e/setup.js',
  ],
}
