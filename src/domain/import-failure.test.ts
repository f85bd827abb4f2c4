import { describe, expect, it } from 'vitest';
import { cleanText, describeFailure, type ImportFailureCode } from './import-failure.ts';

describe('reason and message of the condition', () => {
  it.each<{ code: ImportFailureCode; reason: string; message: string }>([
    {
      code: 'manifest-unknown',
      reason: 'NotFound',
      message: 'dockerimage.image.openshift.io "r.example/app:1" not found; push it, or correct the name',
    },
    {
      code: 'repository-unknown',
      reason: 'NotFound',
      message: 'dockerimage.image.openshift.io "r.example/app:1" not found; push it, or correct the name',
    },
    {
      code: 'unauthorized',
      reason: 'Unauthorized',
      message: 'you may not have access to the container image "r.example/app:1"',
    },
    {
      code: 'unreachable',
      reason: 'InternalError',
      message:
        'Internal error occurred: r.example/app:1: the detail; look at the name of the host, at network policies and at the proxy',
    },
    {
      code: 'denied',
      reason: 'InternalError',
      message: 'Internal error occurred: r.example/app:1: the detail; give the account the right to pull',
    },
    {
      code: 'plain-http',
      reason: 'InternalError',
      message:
        'Internal error occurred: r.example/app:1: the detail; set importPolicy.insecure on the tag if this registry is meant to be used over plain HTTP',
    },
    { code: 'invalid-reference', reason: 'Invalid', message: 'the detail' },
  ])('$code', ({ code, reason, message }) => {
    expect(describeFailure({ code, detail: 'the detail' }, 'r.example/app:1')).toEqual({ reason, message });
  });
});

describe('text from outside', () => {
  it.each([
    { name: 'one line', text: 'a\r\nb\tc', want: 'a b c' },
    { name: 'no terminal commands', text: 'a\u001b[31mb', want: 'a [31mb' },
    { name: 'no reversed text', text: 'a\u202eb\u200bc', want: 'a b c' },
    { name: 'no end', text: 'x'.repeat(100_000), want: `${'x'.repeat(511)}…` },
    { name: 'no half character at the cut', text: `${'x'.repeat(510)}😀😀`, want: `${'x'.repeat(510)}…` },
  ])('has $name', ({ text, want }) => {
    expect(cleanText(text)).toBe(want);
  });
});
