import type { ApiDescription } from '../http/openapi.ts'

/** What the port says of itself at the head of its OpenAPI document. */
export const describePort = (version: string): ApiDescription => ({
  title: 'Kurir',
  version,
  description: [
    'What applications send to Kurir and read from it. Every call but /health, /version and this description needs a token',
    'of the role that it names, or a caller that the rules let in by its address. Every answer carries X-Correlation-ID: the',
    "caller's own where it sent one of letters, digits and `._:-`.",
    '',
    '*Yang dikirim aplikasi ke Kurir dan dibaca darinya. Setiap panggilan selain /health, /version, dan halaman ini memerlukan',
    'token dengan peran yang disebutkan.*',
  ].join('\n'),
  tags: [
    { name: 'store', description: 'Bringing instances in. *Mengirim gambar.*' },
    { name: 'search', description: 'Finding what is here. *Mencari.*' },
    { name: 'retrieve', description: 'Fetching what is here. *Mengambil.*' },
    { name: 'state', description: 'Whether it works. *Keadaan.*' },
  ],
})
