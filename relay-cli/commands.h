/* The subcommands, one file each. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* Exit statuses of relay-cli, so that scripts can branch. */
enum {
	EXIT_OK = 0,
	EXIT_MISSED = 1,  /* an expectation was missed */
	EXIT_USAGE = 2,   /* usage, or a local input that is no good */
	EXIT_CONNECT = 3, /* name, refused, unreachable, timeout */
	EXIT_TLS = 4,     /* handshake or certificate */
	EXIT_UPGRADE = 5, /* the HTTP upgrade was refused */
	EXIT_LOGIN = 6,   /* the login was refused, and the relay said so */
	EXIT_CLOSED = 7   /* the relay ended the connection before we did */
};

int cmd_bench(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_ping(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_pubkey(int argc, char **argv);
int cmd_recv(int argc, char **argv);
int cmd_send(int argc, char **argv);

#endif
