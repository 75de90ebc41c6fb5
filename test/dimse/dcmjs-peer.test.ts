import { createServer } from 'node:net'
import { expect, test } from '@jest/globals'
import {
  type association as associations,
  Client,
  constants,
  Dataset,
  log,
  requests,
  responses,
  Scp,
  Server,
} from 'dcmjs-dimse'
import { CT, EXPLICIT, IMPLICIT, VERIFICATION } from '../support/dimse-bytes.ts'
import { established, propose, slices, uid } from '../support/dimse-requests.ts'
import { recordingServer } from '../support/dimse-server.ts'

log.setLevel('silent')

const object = () =>
  new Dataset({ SOPClassUID: CT, SOPInstanceUID: '1.2.3.4', PatientID: 'X', Rows: 1, Columns: 1 }, IMPLICIT)

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('dcmjs-dimse echoes and stores with us', async () => {
  await using running = await recordingServer()
  const client = new Client()
  const statuses: number[] = []
  for (const request of [new requests.CEchoRequest(), new requests.CStoreRequest(object())]) {
    request.on('response', (response: responses.Response) => {
      statuses.push(response.getStatus())
    })
    client.addRequest(request)
  }
  const closed = new Promise<void>((resolve) => client.on('closed', () => resolve()))
  client.send('127.0.0.1', running.port, 'DCMJS', 'KURIR')
  await closed
  expect(statuses).toEqual([0, 0])
  expect(running.received.map(({ request }) => request.affectedSopInstanceUid)).toEqual(['1.2.3.4'])
  expect(running.received[0]?.request.association.callingAe).toBe('DCMJS')
})

test('we echo and store with dcmjs-dimse', async () => {
  const stored: Dataset[] = []
  class StoringScp extends Scp {
    override associationRequested(asked: associations.Association): void {
      for (const { context } of asked.getPresentationContexts()) {
        const [first] = context.getTransferSyntaxUids()
        context.setResult(constants.PresentationContextResult.Accept, first ?? IMPLICIT)
      }
      this.sendAssociationAccept()
    }
    override cEchoRequest(request: requests.CEchoRequest, callback: (response: responses.CEchoResponse) => void): void {
      const response = responses.CEchoResponse.fromRequest(request)
      response.setStatus(constants.Status.Success)
      callback(response)
    }
    override cStoreRequest(
      request: requests.CStoreRequest,
      callback: (response: responses.CStoreResponse) => void,
    ): void {
      const dataSet = request.getDataset()
      if (dataSet !== undefined) stored.push(dataSet)
      const response = responses.CStoreResponse.fromRequest(request)
      response.setStatus(constants.Status.Success)
      callback(response)
    }
    override associationReleaseRequested(): void {
      this.sendAssociationReleaseResponse()
    }
  }
  const server = new Server(StoringScp)
  const port = await freePort()
  try {
    server.listen(port)
    const association = await established(port, { contexts: [propose(VERIFICATION, IMPLICIT), propose(CT, EXPLICIT)] })
    expect(await association.echo()).toMatchObject({ kind: 'answered', status: 0 })
    const context = association.contextFor(uid(CT), uid(EXPLICIT))
    if (context === undefined) throw new Error('no context')
    // (0008,0016), (0008,0018) and (0010,0020) in Explicit VR Little Endian.
    const element = (group: number, number: number, vr: string, value: string): Buffer => {
      const header = Buffer.alloc(8)
      header.writeUInt16LE(group)
      header.writeUInt16LE(number, 2)
      header.write(vr, 4)
      header.writeUInt16LE(value.length, 6)
      return Buffer.concat([header, Buffer.from(value)])
    }
    const bytes = Buffer.concat([
      element(8, 0x16, 'UI', `${CT}\0`),
      element(8, 0x18, 'UI', '1.2.3.4\0'),
      element(0x10, 0x20, 'LO', 'X '.repeat(30)),
    ])
    const outcome = await association.store({ context, sopInstanceUid: uid('1.2.3.4'), dataSet: slices(bytes, 7) })
    expect(outcome).toMatchObject({ kind: 'answered', status: 0 })
    await association.release()
    expect(stored[0]?.getElement('SOPInstanceUID')).toBe('1.2.3.4')
  } finally {
    server.close()
  }
})
