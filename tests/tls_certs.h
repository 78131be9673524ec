/*
 * Certificates for tests, made on the spot: nothing that expires lies in the
 * tree.
 *
 *     struct tls_certs c;
 *     tls_certs_make(&c);            a directory below $TMPDIR or /tmp
 *     … c.ca, c.chain, c.key …       paths of PEM files
 *     tls_certs_remove(&c);          the files and the directory
 *
 * The server's certificate is for localhost, *.relay.test, 127.0.0.1 and ::1;
 * an intermediate signs it, and the root signs that.  Scripts get the same
 * files with
 *
 *     $RELAYKIT_BUILDDIR/tests/make_certs DIRECTORY
 *
 * (ca.pem, chain.pem, key.pem and so on, as named below).
 */
#ifndef TESTS_TLS_CERTS_H
#define TESTS_TLS_CERTS_H

struct tls_certs {
	char dir[256];
	char ca[300];        /* ca.pem: the root, for --cafile */
	char chain[300];     /* chain.pem: the server's, the intermediate's */
	char key[300];       /* key.pem: the server's, mode 0600 */
	char both[300];      /* both.pem: chain and key in one file, 0600 */
	char expired[300];   /* expired.pem: same key, of last year */
	char other_ca[300];  /* other_ca.pem: a root that signed nothing here */
	char other_key[300]; /* other_key.pem: belongs to no certificate */
};

/* Exits with a line on stderr if that fails. */
void tls_certs_make(struct tls_certs *c);
/* The same into a directory that exists. */
void tls_certs_make_in(struct tls_certs *c, const char *dir);
void tls_certs_remove(struct tls_certs *c);

#endif
