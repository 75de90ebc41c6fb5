// A HIS to try rules against, by hand: `npm run double:his -- 8099`. Beside its own routes it hears
//   POST /double/next     {"route": "GET /orders", "steps": [{"kind": "html"}]}     what becomes of the next requests
//   POST /double/always   {"route": "POST /studies", "step": {"kind": "stall"}}     of all that follow
//   POST /double/orders   {"RS00012345": {"mrn": "00-12-34", "name": "SARI^DEWI", "ward": "ICU"}}
//   GET  /double/received                                                           what has come so far
import { HisDouble } from './his-double.ts'
import { bodyOf, WebPeer } from './web-peer.ts'

const double = await HisDouble.open({ port: 0 })
double.orders.set('RS00012345', { mrn: '00-12-34', name: 'SARI^DEWI', ward: 'ICU' })

const front = await WebPeer.open(
  async (request, response) => {
    const route = `${request.method} ${request.url}`
    if (!route.includes(' /double/')) return await double.handle(request, response)
    // Whoever runs this by hand is trusted to send what the comment above says.
    const said = route.startsWith('POST') ? JSON.parse((await bodyOf(request)).toString()) : {}
    if (route === 'POST /double/next') double.next(said.route, ...said.steps)
    else if (route === 'POST /double/always') double.always(said.route, said.step)
    else if (route === 'POST /double/orders')
      for (const [key, order] of Object.entries(said)) double.orders.set(key, order as never)
    const heard = { received: double.received, arrived: Object.fromEntries(double.arrived) }
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(heard, null, 2)}\n`)
  },
  { port: Number(process.argv[2] ?? 8099) },
)
console.log(`a HIS answers at ${front.url} (GET ${front.url}/orders/RS00012345)`)
