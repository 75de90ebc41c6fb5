import { fileURLToPath } from 'node:url'
import { serveFolder } from '../http/folder.ts'
import type { HttpServer } from '../http/listener.ts'

// Only files of ours, and nobody but us is asked: what an answer says can be shown, and never run.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/** `GET /`: the page for people, as it stands in `page/`. It holds nothing secret, and calls only what applications may call. */
export async function addPage(server: HttpServer): Promise<void> {
  await serveFolder(server, {
    prefix: '/page',
    front: '/',
    root: fileURLToPath(new URL('./page', import.meta.url)),
    headers: {
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    },
    missing: 'The page is not installed: src/api/page is missing.',
  })
}
