/** Somebody whom a registry with htpasswd knows. */
export interface HtpasswdUser {
  readonly name: string;
  readonly password: string;
  /** The password hashed with bcrypt, the only hash that the distribution registry takes. */
  readonly hash: string;
}

/**
 * Users with their hashes. Node has no bcrypt, so the hashes are fixed. They were made at the lowest cost, for speed:
 * `perl -e 'print crypt($ARGV[0], "\$2y\$04\$" . "…21 letters…" . "u")' PASSWORD`, which is crypt(3) of libxcrypt;
 * `htpasswd -nbB -C 4 NAME PASSWORD` makes the same.
 */
export const htpasswdUsers = {
  puller: {
    name: 'puller',
    password: 'correct-horse',
    hash: '$2y$04$ZIL4j9WCckHLChuDfr0WQuiHhssCuQnwPJ3clttY3GHJGb8V.ubbi',
  },
  /** The same account after its password was changed. */
  pullerRotated: {
    name: 'puller',
    password: 'battery-staple',
    hash: '$2y$04$ILuQ6AZL3AudvUjXQ0x4hude13fKkzNvoM0sEaiPOE27j6zaMBV6e',
  },
  /** A name as Harbor's robot accounts have it, and a password with the character that separates the two. */
  robot: {
    name: 'robot$ci+deploy',
    password: 'pass:word-1',
    hash: '$2y$04$25KRbTiVD81C07G93Ju5su/.z0GnLg.jdDqnplHm6t4ueepU9lzJO',
  },
} as const satisfies Readonly<Record<string, HtpasswdUser>>;

/** The file that the registry reads. */
export function htpasswdFile(users: readonly HtpasswdUser[]): string {
  return users.map(({ name, hash }) => `${name}:${hash}\n`).join('');
}

/** Value of an Authorization header. */
export function basicAuthorization({ name, password }: Pick<HtpasswdUser, 'name' | 'password'>): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}
