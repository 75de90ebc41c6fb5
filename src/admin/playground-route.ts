import { serveFolder } from '../http/folder.ts'
import type { HttpServer } from '../http/listener.ts'

// Only from here: no CDN, no frame, no form, and no script that is not a file of ours.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // The editor measures and places its lines by style attributes.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The playground for browsers, from the folder into which it was bundled at install. Its pages hold nothing secret. */
export async function addPlayground(server: HttpServer, root: string): Promise<void> {
  await serveFolder(server, {
    prefix: '/playground',
    root,
    headers: {
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    },
    missing: 'The playground has not been built: run npm start, or node src/admin/playground/build.js.',
  })
}
