// Jest's transform is Node's own type stripping: what the tests run is what production runs, position for position.
// Only a file: URL as the source name makes v8 coverage see the module.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { pathToFileURL } from 'node:url'

const ownText = readFileSync(new URL(import.meta.url))

export default {
  process(source, file) {
    return { code: stripTypeScriptTypes(source, { mode: 'strip', sourceUrl: pathToFileURL(file).href }) }
  },
  getCacheKey(source, file, { configString, instrument }) {
    const hash = createHash('sha256')
    for (const part of [source, file, configString, String(instrument), process.version, ownText]) {
      hash.update(part).update('\0')
    }
    return hash.digest('hex')
  },
}
