import type { ImageName } from './images/recipes.ts';

const PYTHON_MODULES =
  'argparse, asyncio, csv, datetime, decimal, email, hashlib, http.client, json, logging, re, sqlite3, ssl, subprocess, tempfile, threading, urllib.request, uuid, xml.etree.ElementTree, zipfile';
const NODE_MODULES = 'assert crypto fs http http2 https net path stream tls url util worker_threads zlib';
const RUBY_MODULES = 'csv digest erb fileutils json logger net/http openssl optparse set time uri yaml zlib';

const SCIENTIFIC = `
import numpy, pandas, scipy.linalg
a = numpy.random.default_rng(1).random((200, 200))
assert numpy.allclose(a @ scipy.linalg.inv(a), numpy.eye(200), atol=1e-6)
assert pandas.DataFrame(a).mean().between(0, 1).all()
print("ready")`;

/** As the image of the PostgreSQL project does at its first start; the server refuses to run as root. */
const POSTGRES = `
initdb --pgdata=/tmp/cluster --auth=trust --locale=C.UTF-8 --no-sync > /tmp/initdb.log
pg_ctl --pgdata=/tmp/cluster --options='-k /tmp -c listen_addresses=' --log=/tmp/log --wait start > /dev/null
test "$(psql --host=/tmp --dbname=postgres --username=nobody --tuples-only --no-align --command='SELECT 1')" = 1
echo ready`;

const NGINX = `
nginx -c /app/nginx.conf
exec 3<> /dev/tcp/127.0.0.1/80
printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3
grep -q '^a page' <&3
echo ready`;

/**
 * Commands that do what a container of the image is there for, print a line "ready" as soon as it is done, and end:
 * interpreters load common modules, the Java machine runs a build, servers answer a client.
 */
export const READY_COMMANDS = {
  python: ['python3', '-c', `import ${PYTHON_MODULES}\nprint("ready")`],
  node: ['node', '-e', `'${NODE_MODULES}'.split(' ').forEach(require); console.log('ready')`],
  ruby: ['ruby', '-e', `%w[${RUBY_MODULES}].each { |name| require name }; puts 'ready'`],
  openjdk: java('org.apache.tools.ant.launch.Launcher', '-quiet', '-emacs', '-f', '/app/build.xml'),
  postgres: shell(POSTGRES),
  nginx: shell(NGINX),
  scientific: ['python3', '-c', SCIENTIFIC],
} as const satisfies Partial<Record<ImageName, readonly string[]>>;

export type ReadyImage = keyof typeof READY_COMMANDS;

function java(main: string, ...args: readonly string[]): readonly string[] {
  return ['java', '-cp', '/usr/share/ant/lib/ant-launcher.jar', main, ...args];
}

function shell(script: string): readonly string[] {
  return ['bash', '-e', '-c', script];
}
