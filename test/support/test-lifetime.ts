// What a test starts and does not have to end: it goes when the test is over.
import { expect, onTestFinished } from 'vitest';

import type { SharedCluster } from './fixture.ts';
import { type OperatorOptions, OperatorProcess } from './operator-process.ts';
import { Scenario } from './scenario.ts';

/** An operator of the running test, with short waits after failures. The test fails when it ends by itself. */
export async function startTestOperator(
  kubeconfigPath: string,
  args: NonNullable<OperatorOptions['args']> = [],
): Promise<OperatorProcess> {
  const operator = await OperatorProcess.start({ kubeconfigPath, args: ['--retry-min', '500ms', ...args] });
  onTestFinished(async () => {
    const { code, signal, stderr } = await operator.stop();
    // A test may have killed it; it must not have ended by itself.
    if (signal !== 'SIGKILL') expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
  return operator;
}

/** A scenario of the running test. */
export async function startTestScenario(cluster: SharedCluster): Promise<Scenario> {
  const scenario = await Scenario.start(cluster);
  onTestFinished(() => scenario[Symbol.asyncDispose]());
  return scenario;
}
