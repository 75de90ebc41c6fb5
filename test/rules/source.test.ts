import { expect, test } from '@jest/globals'
import { rulesetOf } from './support.ts'

const { sources } = rulesetOf(`
sources:
  old_pacs: { dimse: { ae: OLD@10.1.1.5:104, calling_ae: KURIR } }
  moving: { dimse: { ae: "OLD@[fd00::5]:104", retrieve: c_move, tls: { ca_file: /run/ca.pem } } }
  web: { dicomweb: { qido_url: "https://pacs.example/qido", wado_rs_url: "https://pacs.example/wado", token_file: /run/token, timeout: 20s } }
  elsewhere: { dicomweb: { wado_uri_url: "\${OLD_URL}" } }
`)

test('a source is asked by DIMSE, and fetched from by C-GET unless said otherwise', () => {
  expect(sources.get('old_pacs')).toEqual({
    name: 'old_pacs',
    file: 'rules/10.yaml',
    line: 4,
    reach: {
      kind: 'dimse',
      dimse: {
        ae: { aeTitle: 'OLD', host: '10.1.1.5', port: 104 },
        callingAe: 'KURIR',
        retrieve: 'c_get',
        tls: undefined,
      },
    },
  })
  expect(sources.get('moving')?.reach).toMatchObject({
    dimse: { retrieve: 'c_move', callingAe: undefined, tls: { caFile: '/run/ca.pem' } },
  })
})

test('or by DICOMweb, each service at its own address with the same credentials', () => {
  const reach = sources.get('web')?.reach
  const how = { credentials: { kind: 'bearer', tokenFile: '/run/token' }, timeout: 20_000 }
  expect(reach).toMatchObject({
    kind: 'dicomweb',
    dicomweb: {
      qido: { url: 'https://pacs.example/qido', ...how },
      wadoRs: { url: 'https://pacs.example/wado', ...how },
      wadoUri: undefined,
    },
  })
})

test('a variable that is not set takes down its source alone', () => {
  expect(sources.get('elsewhere')?.reach).toEqual({ kind: 'not-configured', unset: ['OLD_URL'] })
})
