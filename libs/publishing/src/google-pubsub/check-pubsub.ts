import { AppError } from '#lib/kernel';
import type { BrokerFinding } from '../publisher.js';
import { topicsMissing } from './map-pubsub-error.js';
import { type LinkSettings, PubsubLink } from './pubsub-link.js';

/**
 * What stands in the way of publishing; creates and changes nothing. Which tables there are is not known here: of the
 * topics only that of dead letters is looked for.
 *
 * @throws AppError when Pub/Sub cannot be asked
 */
export async function checkPubsub(
  settings: LinkSettings,
  deadLetterTopic: string,
  signal: AbortSignal,
): Promise<readonly BrokerFinding[]> {
  let link: PubsubLink | undefined;
  try {
    link = await PubsubLink.open(settings, signal, false);
    const findings: BrokerFinding[] = [...warnings(settings)];
    const { onPoison, pubsub } = settings.publisher;
    if (onPoison === 'deadLetter' && !pubsub.createTopics && (await link.topicState(deadLetterTopic)) === 'missing') {
      findings.push(finding(topicsMissing([deadLetterTopic], settings.project)));
    }
    return findings;
  } catch (error) {
    if (!(error instanceof AppError) || error.retriable) throw error;
    return [finding(error)];
  } finally {
    link?.abandon();
  }
}

function finding({ code, message, remedy }: AppError): BrokerFinding {
  return { severity: 'error', code, message, remedy };
}

function warnings({ endpoint }: LinkSettings): readonly BrokerFinding[] {
  if (endpoint.isGoogle) return [];
  const transport = endpoint.tls ? '' : ', in plain text';
  return [
    {
      severity: 'warning',
      code: 'BROKER_CONFIG',
      message: `${endpoint.address} is not Google's: an emulator keeps messages in memory only${transport}`,
      remedy: 'For the real service leave publisher.address and PUBSUB_EMULATOR_HOST unset.',
    },
  ];
}
