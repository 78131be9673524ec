/* What a login cannot do without: the price of one check of a signature, each
 * of another key, as a relay meets them. */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "codec/keys.h"

#define KEYS   512
#define CHECKS (2 * KEYS)

struct signed_key {
	struct rk_key key;
	uint8_t signature[RK_SIGNATURE_LEN];
};

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int
main(void)
{
	static const uint8_t message[] = { 3 };
	static struct signed_key list[KEYS];
	struct rk_secret_key secret;
	double begin;
	int failed = 0;

	if (rk_keys_init() != RK_OK)
		return 1;
	for (int i = 0; i < KEYS; i++) {
		rk_secret_key_generate(&secret);
		rk_secret_key_public(&secret, &list[i].key);
		rk_sign(&secret, message, sizeof(message), list[i].signature);
	}
	begin = cpu_us();
	for (int i = 0; i < CHECKS; i++)
		failed +=
		    rk_verify(&list[i % KEYS].key, message, sizeof(message),
			list[i % KEYS].signature) != RK_OK;
	printf("{\"verify_us\":%.2f}\n", (cpu_us() - begin) / CHECKS);
	return failed != 0;
}
