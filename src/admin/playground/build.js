// Bundles the playground for the browser into node_modules/.cache, where admin/ serves it from. Run by the launcher, and
// by hand: `node src/admin/playground/build.js`. The argument is left behind as the stamp of what was bundled.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const outDir = fileURLToPath(new URL('../../../node_modules/.cache/kurir/playground/', import.meta.url))

await build({
  configFile: false,
  root: fileURLToPath(new URL('./', import.meta.url)),
  base: '/playground/',
  logLevel: 'warn',
  build: {
    outDir,
    emptyOutDir: true,
    chunkSizeWarningLimit: 8192,
    rolldownOptions: {
      // React's "use client" means nothing in a bundle.
      onLog: (level, log, handle) => (log.code === 'MODULE_LEVEL_DIRECTIVE' ? undefined : handle(level, log)),
    },
  },
})
writeFileSync(new URL('stamp', `file://${outDir}`), process.argv[2] ?? '')
