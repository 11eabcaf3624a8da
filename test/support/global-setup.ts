/** Makes sure that the servers the tests run against are installed. */
export default function setup(): void {}
