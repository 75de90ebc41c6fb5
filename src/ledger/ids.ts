import type { Brand } from '../base/brand.ts'

/** Ids are ours (UUIDv7), never something the network sent. */
export type InstanceId = Brand<string, 'InstanceId'>
export type DeliveryId = Brand<string, 'DeliveryId'>
export type ObligationId = Brand<string, 'ObligationId'>
export type AttemptId = Brand<string, 'AttemptId'>
export type ClaimToken = Brand<string, 'ClaimToken'>
export type RoundId = Brand<string, 'RoundId'>
export type ErrandId = Brand<string, 'ErrandId'>
