import { ProgramError } from './program-runner.ts';

const ATTEMPTS = 4;

/**
 * Runs a start that picks its own ports, and runs it again when a program found its port taken: between picking
 * and using a port another process can be faster.
 */
export async function retryWithNewPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      const portTaken = error instanceof ProgramError && error.portTaken;
      if (!portTaken || attempt === ATTEMPTS) throw error;
    }
  }
}
