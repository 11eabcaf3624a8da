const SERVICE_LINK_NAME =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const SERVICE_LINK_VALUE = /^(?:tcp|udp|sctp):\/\//;

/**
 * Whether a variable has a name that Kubernetes makes for a Service (`X_SERVICE_HOST`, `X_PORT_8080_TCP_ADDR` …).
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
export function isServiceLinkName(name: string): boolean {
  return SERVICE_LINK_NAME.test(name);
}

/** Whether a value is what Kubernetes puts into `X_PORT`, for example `tcp://10.0.0.1:5432`. */
export function isServiceLinkValue(value: string): boolean {
  return SERVICE_LINK_VALUE.test(value);
}
