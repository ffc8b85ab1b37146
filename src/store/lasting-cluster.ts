/**
 * A cluster connection that always reconnects. ioredis (5.11) emits `close` once for each node that ends. If the last
 * nodes of an earlier connection end while the seeds' names are being resolved for the next one, ioredis gives that up
 * and makes no further attempt. Then every command waits for ever, for example a queue worker's after it has reset its
 * connection.
 */
import { Cluster, type ClusterNode, type ClusterOptions } from 'ioredis'

/** Longer than any pause between two attempts of ioredis's own. */
const FORGOTTEN_MS = 1_500

export class LastingCluster extends Cluster {
  readonly #seeds: ClusterNode[]
  #look: NodeJS.Timeout | undefined
  /** No initial value: the constructor of Cluster connects before one would be assigned. */
  declare private isWanted: boolean

  constructor(seeds: ClusterNode[], options: ClusterOptions) {
    super(seeds, options)
    this.#seeds = seeds
    this.on('close', () => {
      this.#look ??= setTimeout(() => this.#lookAgain(), FORGOTTEN_MS).unref()
    })
  }

  #lookAgain(): void {
    this.#look = undefined
    if (this.isWanted && this.status === 'close') this.connect().catch(() => undefined)
  }

  override connect(): Promise<void> {
    this.isWanted = true
    return super.connect()
  }

  override disconnect(reconnect = false): void {
    this.isWanted = reconnect
    super.disconnect(reconnect)
  }

  override quit(...args: Parameters<Cluster['quit']>): Promise<'OK'> {
    this.isWanted = false
    return super.quit(...args)
  }

  /** Replaces Cluster's method, whose copies would not reconnect. */
  override duplicate(seeds: ClusterNode[] = [], options: ClusterOptions = {}): LastingCluster {
    return new LastingCluster(seeds.length > 0 ? seeds : [...this.#seeds], { ...this.options, ...options })
  }
}
