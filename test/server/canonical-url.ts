import test from 'ava'
import { canonicalUrl } from '../../src/server/canonical-url.ts'

const cases: [url: string, canonical: string][] = [
  ['/list/github.com/dim/prefix/versions', '/list/github.com%2Fdim%2Fprefix/versions'],
  ['/list/github.com%2Fdim/prefix/updates', '/list/github.com%2Fdim%2Fprefix/updates'],
  ['/list/prefix/versions', '/list/prefix/versions'],
  ['/list/x.example/a/versions/versions', '/list/x.example%2Fa%2Fversions/versions'],
  ['/list/extensions/', '/list/extensions/'],
  ['/list/extensions/versions', '/list/extensions/versions'],
  ['/get/github.com/dim/prefix/1.0?pg=15', '/get/github.com%2Fdim%2Fprefix/1.0?pg=15'],
  ['/get/prefix/1.0?a=/b/c', '/get/prefix/1.0?a=/b/c'],
  ['/list/a%252Fb/c/versions', '/list/a%252Fb%2Fc/versions'],
  ['/list/../x/versions', '/list/..%2Fx/versions'],
  ['/archives/aa/b', '/archives/aa/b'],
  ['//get/a/b/c', '//get/a/b/c'],
  ['*', '*'],
]

for (const [url, canonical] of cases) test(`${url} is ${canonical}`, (t) => t.is(canonicalUrl(url), canonical))

test('what is canonical stays as it is', (t) => {
  for (const [, canonical] of cases) t.is(canonicalUrl(canonical), canonical)
})
