// The runner of jest.config.mjs: jest-light-runner's, with one fault less. When a worker asks for the configuration,
// jest-light-runner 0.8 answers all of them, also one that is still loading and does not listen; what that one asks later is
// never answered, and the run never ends. Here each worker is answered for itself.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { createRunner } from 'jest-light-runner';

const packageOfRunner = createRequire(fileURLToPath(import.meta.resolve('jest-light-runner')));
const { default: Tinypool } = await import(packageOfRunner.resolve('tinypool'));

const { run } = Tinypool.prototype;
Tinypool.prototype.run = function (task, { channel, ...options } = {}) {
  return run.call(this, task, { ...options, ...(channel && { channel: channelOfOne(channel) }) });
};

/** @param channel answers all that listen to it, once */
function channelOfOne(channel) {
  let answer;
  return {
    onMessage(listener) {
      answer = listener;
    },
    postMessage(message) {
      channel.onMessage(answer);
      channel.postMessage(message);
    },
  };
}

export default createRunner({ runtime: 'child_process' });
