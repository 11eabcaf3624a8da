/** Freezes an object with all it holds; Maps refuse changes too. Gives back the same object. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const [key, item] of value) {
      deepFreeze(key);
      deepFreeze(item);
    }
    for (const method of ['set', 'delete', 'clear']) Object.defineProperty(value, method, { value: refuseChange });
  } else {
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return Object.freeze(value);
}

function refuseChange(): never {
  throw new TypeError('the configuration is frozen');
}
