/** A way to a server that can fall silent: it keeps its connections and passes nothing on. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface MutableProxy {
  readonly port: number;
  /** What is connected stays connected and hears nothing more; new connections work. */
  readonly mute: () => void;
}

/** In front of a port of this machine, gone when the test is. */
export async function mutableProxy(target: number): Promise<MutableProxy> {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    sockets.push(near, far);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    mute: () => {
      for (const socket of sockets.splice(0)) {
        socket.unpipe();
        socket.pause();
        onTestFinished(() => void socket.destroy());
      }
    },
  };
}
