/**
 * A cluster's connection that comes back. ioredis (5.11) says `close` once for each node that ends. Where the last nodes of
 * an earlier connection end while the names of the seeds are being looked up for the next one, that is given up, and no
 * further attempt is made: whoever waits for it waits for ever, such as a queue's worker after it has reset its connection.
 */
import { Cluster, type ClusterNode, type ClusterOptions } from 'ioredis'

/** Longer than any pause between two attempts of ioredis's own. */
const FORGOTTEN_MS = 1_500

export class LastingCluster extends Cluster {
  readonly #seeds: ClusterNode[]
  #look: NodeJS.Timeout | undefined
  /** Without an initial value, as the constructor of Cluster connects. */
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

  /** As Cluster's, whose copies would not last. */
  override duplicate(seeds: ClusterNode[] = [], options: ClusterOptions = {}): LastingCluster {
    return new LastingCluster(seeds.length > 0 ? seeds : [...this.#seeds], { ...this.options, ...options })
  }
}
