/** A listener of the data plane around one step of a call, on real sockets, without a gateway. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { openUpstream, type OpenUpstream } from '../../src/call/upstreams.ts'
import { OpenCalls } from '../../src/call/open-calls.ts'
import type { Serve } from '../../src/call/routes.ts'
import type { Upstream } from '../../src/config.ts'
import type { CallShape, MeteredRoute } from '../../src/families/family.ts'
import { familyOf } from '../../src/families/index.ts'
import { noMedia } from '../../src/families/media.ts'
import { shapeOf } from '../../src/families/shapes.ts'
import { chunksOf } from './requests.ts'

export interface Listener {
  readonly url: string
  readonly port: number
  readonly open: OpenCalls
}

/** A listener that handles every request with `serve`. */
export async function listenWith(t: Test, serve: Serve): Promise<Listener> {
  const open = new OpenCalls()
  const server = createServer((request, response) => serve(open.open(request, response)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, open }
}

/** An upstream of an API family at this address. */
export function upstreamAt(t: Test, url: string, settings: Partial<Upstream> = {}): OpenUpstream {
  const upstream: Upstream = {
    family: 'openai',
    prefix: '/openai',
    url,
    keepAliveSeconds: 30,
    timeouts: { connectSeconds: 10, firstByteSeconds: 60, idleSeconds: 60 },
    onStoreDown: 'closed',
    ...settings,
  }
  const opened = openUpstream('stub', upstream, familyOf(upstream), { concurrent: 100 })
  t.teardown(() => opened.destroy())
  return opened
}

export function routeAt({ target }: Pick<OpenUpstream, 'target'>, path: string): MeteredRoute {
  const route = target.family.metered.find(({ url }) => url === path)
  if (route === undefined) throw new Error(`no route ${path}`)
  return route
}

/** The shape of a call with this body: 10 tokens of output at most, and nothing written to a cache. */
export function shapeOfBody(body: Buffer, rest: Partial<CallShape> = {}): CallShape {
  return shapeOf({ chunks: chunksOf(body), isTooDeep: false }, { model: 'm', stream: false }, noMedia(), {
    maxOutput: 10,
    generates: true,
    cacheWrites: 'none',
    ...rest,
  })
}
