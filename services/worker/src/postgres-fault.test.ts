import { AssertionError } from 'node:assert/strict';
import { DeadlineError } from '@sluice/service/deadline';
import { describe, expect, it } from 'vitest';
import { faultOf, sqlstateOf } from './postgres-fault.ts';

/** As postgres.js rejects with what the server said. */
const said = (code: string) => Object.assign(new Error('no'), { code, severity: 'ERROR' });

describe('what Postgres says', () => {
  it.each([
    ['23505', 'duplicate', 'a row is there already'],
    ['22P02', 'data', 'a text that is no JSON'],
    ['22021', 'data', 'a NUL in a text'],
    ['22008', 'data', 'a time out of range'],
    ['23502', 'data', 'null where something is needed'],
    ['23514', 'data', 'a check that fails'],
    ['54000', 'data', 'a value too large for its index'],
    ['54001', 'data', 'properties nested too deeply'],
    ['08006', 'transient', 'a connection that broke'],
    ['40001', 'transient', 'a serialization failure'],
    ['40P01', 'transient', 'a deadlock'],
    ['53100', 'transient', 'a full disk'],
    ['53300', 'transient', 'too many connections'],
    ['55P03', 'transient', 'a lock that was not to be had in time'],
    ['55006', 'transient', 'an object in use'],
    ['57014', 'transient', 'a statement time-out'],
    ['57P01', 'transient', 'a server that shuts down'],
    ['57P03', 'transient', 'a server that starts'],
    ['58030', 'transient', 'an error of the disk'],
    ['42501', 'operator', 'a right that was taken away'],
    ['42P01', 'operator', 'a table that is not there'],
    ['28P01', 'operator', 'a wrong password'],
    ['25006', 'operator', 'a standby that only reads'],
    ['3D000', 'operator', 'a database that is not there'],
    ['55000', 'operator', 'an object not in its state'],
    ['XX000', 'operator', 'a defect of the server'],
    ['P0001', 'operator', 'an exception of a trigger'],
    ['0A000', 'operator', 'something that it does not do'],
  ])('%s is %s: %s', (code, fault) => {
    expect(faultOf(said(code))).toBe(fault);
    expect(sqlstateOf(said(code))).toBe(code);
  });
});

describe('what did not come from Postgres', () => {
  it.each([
    ['a socket that was reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
    ['a code as long as a state', Object.assign(new Error('broken pipe'), { code: 'EPIPE' })],
    ['a connection that the driver gave up', Object.assign(new Error('x'), { code: 'CONNECTION_CLOSED' })],
    ['a deadline', new DeadlineError('a COPY', 100)],
    ['nothing', undefined],
    ['null', null],
    ['a text', '23505'],
  ])('is transient and has no state: %s', (_, error) => {
    expect(faultOf(error)).toBe('transient');
    expect(sqlstateOf(error)).toBeUndefined();
  });

  it.each([
    new TypeError('x is not a function'),
    new RangeError('too deep'),
    new SyntaxError('no'),
    new ReferenceError('x is not defined'),
    new AssertionError({ message: 'STOPPED can’t become READING' }),
  ])('is for an operator when it is a defect of ours: %s', (error) => {
    expect(faultOf(error)).toBe('operator');
  });
});
