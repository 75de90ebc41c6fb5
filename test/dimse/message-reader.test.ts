import { expect, test } from '@jest/globals'
import type { CommandSet } from '../../src/dimse/command-set.ts'
import { MessageReader } from '../../src/dimse/message-reader.ts'
import { echoCommand } from '../support/dimse-bytes.ts'

const NOTHING = Buffer.alloc(0)

test('fragments of a command that hold nothing are not kept, however many come', () => {
  const heard: CommandSet[] = []
  const reader = new MessageReader({
    hasContext: () => true,
    command: (_id, command) => void heard.push(command),
    dataSet: () => {},
    dataSetEnd: () => {},
  })
  const before = process.memoryUsage().heapUsed
  for (let count = 0; count < 2_000_000; count += 1) void reader.fragment(1, 1, NOTHING, true)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20)
  void reader.fragment(1, 1, echoCommand().subarray(0, 9), true)
  void reader.fragment(1, 3, echoCommand().subarray(9), true)
  expect(heard.map(({ messageId }) => messageId)).toEqual([1])
})
