/* What a login cannot do without: the price of one check of a signature. */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "codec/keys.h"

#define CHECKS 5000

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
	uint8_t signature[RK_SIGNATURE_LEN];
	struct rk_secret_key secret;
	struct rk_key key;
	double begin;
	int failed = 0;

	if (rk_keys_init() != RK_OK)
		return 1;
	rk_secret_key_generate(&secret);
	rk_secret_key_public(&secret, &key);
	rk_sign(&secret, message, sizeof(message), signature);
	begin = cpu_us();
	for (int i = 0; i < CHECKS; i++)
		failed += rk_verify(&key, message, sizeof(message),
			      signature) != RK_OK;
	printf("{\"verify_us\":%.2f}\n", (cpu_us() - begin) / CHECKS);
	return failed != 0;
}
