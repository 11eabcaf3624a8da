/**
 * Up to the last `@` before the next `://`: a password may hold `/`, `?`, `#`, `@` or a comma that should have been
 * percent-encoded, and rather a host is hidden than a part of it shown.
 */
const USER_INFO = /(^|:\/\/)((?:(?!:\/\/).)*)@/gs;

/** A text of addresses, `user:password@` in them replaced by `***@`. */
export function maskUserInfo(text: string): string {
  return text.replace(USER_INFO, '$1***@');
}

/** What stands before the `@` of an address: `user:password`, `user`; undefined = nothing. */
export function userInfoOf(address: string): string | undefined {
  return new RegExp(USER_INFO.source, 's').exec(address)?.[2];
}
