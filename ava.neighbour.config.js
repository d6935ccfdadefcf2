// `npm run test:neighbour`: one at a time, since each keeps the machine busy.
import config from './ava.config.js'

export default {
  ...config,
  files: ['dist/test/neighbour/*.js'],
  concurrency: 1,
  timeout: '60m',
}
