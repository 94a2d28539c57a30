/** test/<layer>/<context>/<name>.test.ts covers <layer>/<context>/<name>.ts, by itself. */
export default (testFile) =>
  testFile
    .replaceAll('\\', '/')
    .replace(/^test\//, '')
    .replace(/\.test\.ts$/, '.ts')
