import { protos } from '@google-cloud/pubsub';
import { grpc } from 'google-gax';
import type { PublisherConfig } from '#lib/config';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { PUBSUB_PROJECT } from '../support/pubsub-test-client.js';

const { PublishRequest, PublishResponse, Topic } = protos.google.pubsub.v1;

/** A message as it came. */
export interface ScriptedMessage extends ReceivedMessage {
  readonly orderingKey: string;
}

/** What to answer instead: a status of gRPC. Undefined = as Pub/Sub does. */
type Refusal = Pick<grpc.ServiceError, 'code' | 'details'> | undefined;

/**
 * A gRPC server of the tests' own that speaks the publisher's part of Pub/Sub and refuses what a test wants refused: the
 * emulator asks for no token and refuses next to nothing. Not a stand-in where the emulator can be used.
 */
export class ScriptedPubsub implements AsyncDisposable {
  /** Stored, in the order of coming. */
  readonly messages: ScriptedMessage[] = [];
  /** The `authorization` of each call. */
  readonly tokens: (string | undefined)[] = [];
  /** Looks at a publish request before anything of it is stored. */
  onPublish: (messages: readonly ScriptedMessage[]) => Refusal = () => undefined;
  /** Looks at a request for a topic. */
  onGetTopic: () => Refusal = () => undefined;
  /** The topics of which each request for a new one spoke; all but the first of a name exist by then. */
  readonly created: string[] = [];
  /** So many next answers acknowledge one message too few. */
  answerTooFew = 0;
  /** Looks at every call's metadata. */
  onCall: (authorization: string | undefined) => Refusal = () => undefined;

  private constructor(
    private readonly server: grpc.Server,
    readonly port: number,
  ) {}

  static async start(): Promise<ScriptedPubsub> {
    const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
    const holder: { scripted?: ScriptedPubsub } = {};
    server.addService(SERVICE, {
      Publish: (call: Call, done: Done) => holder.scripted?.publish(call, done),
      GetTopic: (call: Call, done: Done) => holder.scripted?.getTopic(call, done),
      CreateTopic: (call: Call, done: Done) => holder.scripted?.createTopic(call, done),
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    holder.scripted = new ScriptedPubsub(server, port);
    return holder.scripted;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs = 5000) {
    return publisherTestConfig(
      { type: 'google_pubsub', addresses: [this.address], pubSubProjectID: PUBSUB_PROJECT, ...publisher },
      ackTimeoutMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.forceShutdown();
    await Promise.resolve();
  }

  private publish(call: Call, done: Done): void {
    const { topic, messages } = PublishRequest.decode(call.request);
    const decoded = messages.map(({ data, attributes, orderingKey }) => ({
      topic: topic.split('/').at(-1) ?? '',
      id: attributes?.['id'],
      body: Buffer.from(data as Uint8Array).toString('utf8'),
      orderingKey: orderingKey ?? '',
    }));
    const refusal = this.refusal(call) ?? this.onPublish(decoded);
    if (refusal !== undefined) {
      done(refusal);
      return;
    }
    const messageIds = decoded.map((_, i) => String(this.messages.length + i + 1));
    this.messages.push(...decoded);
    if (this.answerTooFew > 0) {
      this.answerTooFew -= 1;
      messageIds.pop();
    }
    done(null, Buffer.from(PublishResponse.encode({ messageIds }).finish()));
  }

  private getTopic(call: Call, done: Done): void {
    const refusal = this.refusal(call) ?? this.onGetTopic();
    if (refusal === undefined) done(null, Buffer.from(Topic.encode({}).finish()));
    else done(refusal);
  }

  private createTopic(call: Call, done: Done): void {
    const name = Topic.decode(call.request).name.split('/').at(-1) ?? '';
    const isNew = !this.created.includes(name);
    this.created.push(name);
    if (isNew) done(null, Buffer.from(Topic.encode({}).finish()));
    else done({ code: grpc.status.ALREADY_EXISTS, details: 'Resource already exists' });
  }

  private refusal(call: Call): Refusal {
    const authorization = call.metadata.get('authorization')[0]?.toString();
    this.tokens.push(authorization);
    return this.onCall(authorization);
  }
}

type Call = grpc.ServerUnaryCall<Buffer, Buffer>;
type Done = (error: Partial<grpc.ServiceError> | null, response?: Buffer) => void;

const asIs = (bytes: Buffer) => bytes;
const unary = (name: string) => ({
  path: `/google.pubsub.v1.Publisher/${name}`,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const SERVICE = { Publish: unary('Publish'), GetTopic: unary('GetTopic'), CreateTopic: unary('CreateTopic') };
