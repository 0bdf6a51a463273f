import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { digestOf, parseReference } from './index.ts';

const DIGEST = digestOf('some manifest');

test('parseReference() gives the full name that containerd has, and its parts', () => {
  const cases: readonly (readonly [text: string, name: string, parts: readonly (string | undefined)[]])[] = [
    ['python', 'docker.io/library/python:latest', ['docker.io', 'library/python', 'latest']],
    ['python:3.13', 'docker.io/library/python:3.13', ['docker.io', 'library/python', '3.13']],
    ['bitnami/redis', 'docker.io/bitnami/redis:latest', ['docker.io', 'bitnami/redis', 'latest']],
    ['docker.io/python', 'docker.io/library/python:latest', ['docker.io', 'library/python', 'latest']],
    ['index.docker.io/a/b:c', 'docker.io/a/b:c', ['docker.io', 'a/b', 'c']],
    ['quay.io/a/b_c/d--e:v1', 'quay.io/a/b_c/d--e:v1', ['quay.io', 'a/b_c/d--e', 'v1']],
    ['localhost/app', 'localhost/app:latest', ['localhost', 'app', 'latest']],
    ['localhost:5000/app:1', 'localhost:5000/app:1', ['localhost:5000', 'app', '1']],
    ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest', ['127.0.0.1:5000', 'app', 'latest']],
    ['[::1]:5000/app:1', '[::1]:5000/app:1', ['[::1]:5000', 'app', '1']],
    ['Host/app:1', 'Host/app:1', ['Host', 'app', '1']],
    [
      `python@${DIGEST}`,
      `docker.io/library/python@${DIGEST}`,
      ['docker.io', 'library/python', undefined, DIGEST],
    ],
    [`a.b/c:1@${DIGEST}`, `a.b/c:1@${DIGEST}`, ['a.b', 'c', '1', DIGEST]],
    [`registry:5000`, 'docker.io/library/registry:5000', ['docker.io', 'library/registry', '5000']],
  ];
  for (const [text, name, [registry, repository, tag, digest]] of cases) {
    const parsed = parseReference(text);
    assert.deepEqual(
      [parsed.registry, parsed.repository, parsed.tag, parsed.digest],
      [registry, repository, tag, digest],
      text,
    );
    assert.equal(parsed.name, name);
    assert.deepEqual(parseReference(name), parsed, 'a full name means itself');
  }
});

test('parseReference() names the part that is wrong', () => {
  const cases: readonly (readonly [text: string, state: RegExp])[] = [
    ['', /it has no repository/],
    [':3.13', /it has no repository/],
    [`@${DIGEST}`, /it has no repository/],
    ['Python:3.13', /repository "library\/Python" has upper-case letters/],
    ['quay.io/App', /repository "App" has upper-case letters/],
    ['quay.io/', /"" is no repository/],
    ['a//b', /"a\/\/b" is no repository/],
    ['https://quay.io/app', /"https:" is no registry/],
    ['a..b/app', /"a\.\.b" is no registry/],
    ['-a.b/app', /"-a\.b" is no registry/],
    ['python:', /"" is no tag/],
    ['python:.1', /"\.1" is no tag/],
    [`python:${'a'.repeat(129)}`, /"a+" is no tag/],
    ['python@sha256:12', /"sha256:12" is no sha256 digest/],
    [`python@${DIGEST}@${DIGEST}`, /is no sha256 digest/],
    ['a'.repeat(64), /id of an image/],
    [`a.b/${'c'.repeat(252)}`, /more than 255 characters/],
    ['py thon', /"library\/py thon" is no repository/],
    ['python\n', /is no repository/],
    ['../../etc', /is no registry/],
  ];
  for (const [text, state] of cases)
    assert.throws(
      () => parseReference(text),
      (reason) => isCodedError(reason, 'invalid_argument') && state.test(reason.message),
      text,
    );
});
