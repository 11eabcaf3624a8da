const USER_INFO = /(^|:\/\/|,)([^/?#\s,@]*)@/g;

/** Texts with addresses, `user:password@` in them replaced by `***@`. */
export function maskUserInfo(text: string): string {
  return text.replace(/(:\/\/)[^/?#]*@/g, '$1***@').replace(USER_INFO, '$1***@');
}
