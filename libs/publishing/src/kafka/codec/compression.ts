import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { AppError } from '#lib/kernel';
import { BATCH_HEADER_BYTES, type Compression, recompressHeader } from './record-batch-header.js';
import { snappyBlocks } from './snappy-blocks.js';

type Compressor = (records: Buffer) => Promise<Uint8Array>;
type PackagedCompression = 'snappy' | 'lz4' | 'zstd';

/** A codec as kafkajs's codec packages provide it. */
interface PackagedCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Uint8Array>;
}

/** Finds a package of the installation; rejects when it is not there. */
export type ImportPackage = (name: string) => Promise<unknown>;

const PACKAGES: Readonly<Record<PackagedCompression, string>> = {
  snappy: 'kafkajs-snappy',
  lz4: 'kafkajs-lz4',
  zstd: '@kafkajs/zstd',
};
/** Larger pieces than zlib's 16 KB: fewer calls into the thread pool. */
const CHUNK_BYTES = 128 * 1024;

/** Compresses the records of finished batches by one codec. */
export class BatchCompressor {
  private constructor(
    private readonly compression: Exclude<Compression, 'none'>,
    private readonly run: Compressor,
  ) {}

  /**
   * Loads the codec: gzip is Node's own, zstd from Node 22.15 on; the others come from packages that are not part of
   * ours. `none` needs no codec: undefined.
   * @throws AppError BROKER_CONFIG naming the package to install
   */
  static async load(
    compression: Compression,
    importPackage: ImportPackage = (name) => import(name),
    native: NativeCodecs = zlib as NativeCodecs,
  ): Promise<BatchCompressor | undefined> {
    switch (compression) {
      case 'none':
        return undefined;
      case 'gzip': {
        const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
        return new BatchCompressor(compression, (records) => gzip(records, { chunkSize: CHUNK_BYTES }));
      }
      case 'zstd': {
        if (native.zstdCompress === undefined) break;
        const zstd = promisify(native.zstdCompress);
        return new BatchCompressor(compression, (records) => zstd(records));
      }
      case 'snappy':
      case 'lz4':
        break;
    }
    const codec = await packagedCodec(compression, importPackage);
    const compress: Compressor = (records) => codec.compress({ buffer: records });
    return new BatchCompressor(compression, compression === 'snappy' ? snappyBlocks(compress) : compress);
  }

  /** The batch with its records compressed, in new memory; to be stamped afterwards. */
  async compress(batch: Buffer): Promise<Buffer> {
    const records = await this.run(batch.subarray(BATCH_HEADER_BYTES));
    const compressed = Buffer.allocUnsafe(BATCH_HEADER_BYTES + records.length);
    batch.copy(compressed, 0, 0, BATCH_HEADER_BYTES);
    compressed.set(records, BATCH_HEADER_BYTES);
    recompressHeader(compressed, this.compression);
    return compressed;
  }
}

/** What newer versions of node:zlib have. */
export interface NativeCodecs {
  readonly zstdCompress?: (records: Buffer, done: (error: Error | null, result: Buffer) => void) => void;
}

async function packagedCodec(compression: PackagedCompression, importPackage: ImportPackage): Promise<PackagedCodec> {
  const name = PACKAGES[compression];
  try {
    const loaded = (await importPackage(name)) as { readonly default?: unknown };
    return codecOf(compression, loaded.default ?? loaded);
  } catch (error) {
    const newerNode = compression === 'zstd' ? ', or use Node 22.15 or newer' : '';
    throw new AppError(
      'BROKER_CONFIG',
      `publisher.kafka.compression ${compression} needs the package ${name}, which cannot be loaded`,
      { cause: error, remedy: `npm install ${name}${newerNode}, or choose another compression (none, gzip).` },
    );
  }
}

/** Each package has its own way to hand the codec out; see their documentation. */
function codecOf(compression: PackagedCompression, exported: unknown): PackagedCodec {
  switch (compression) {
    case 'snappy':
      return (exported as () => PackagedCodec)();
    case 'lz4': {
      const Lz4 = exported as new () => { codec(): PackagedCodec };
      return new Lz4().codec();
    }
    case 'zstd':
      return (exported as () => () => PackagedCodec)()();
  }
}
