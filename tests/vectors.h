/*
 * Byte vectors of the iroh-v3 specification, mostly of appendices A and B;
 * hex text for hex().
 */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <stddef.h>

/* Keys whose seed is 32 times one byte, and their signature of "03". */
struct key_vector {
	unsigned char seed;
	const char *key;
	const char *base32;
	const char *signature;
};

static const struct key_vector key_vectors[] = {
	{ 0x01,
	    "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
	    "rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oa",
	    "756408beeea41f4705dc925971973a68cd88b3624b3050949395838a82f037b976"
	    "6abc634e4b7a4df1aa7aac190b4f8d5b3aa519bc2f9e312f0196b245a02000" },
	{ 0x02,
	    "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
	    "qe4xodvipulv6vvdkrtmgtd6ztfy3curwtxdpis56yhvxd6jwoka",
	    "8f4140c6c32a724b865cfd5a78462d515ba263a45d9e84921ae2b84db0f5da08f0"
	    "15d5a820ee453c250e5c4509670b9b12fcc078275f5e4cba025421b60e8d09" },
	{ 0x03,
	    "ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1",
	    "5vesrrri2hbmn2xjam4jawmvmeuvsjz2lrr7snrwyfdbjlehg7iq",
	    "104f06167e4ef31eab753bd3ea7c7e01816e843b299ca6f6f6a9a3fa8b1be5e7bb"
	    "517e0eb202b74e6770fa93da10d4cd0b2b4562719752faa4662ef052df4d05" },
	{ 0x2a,
	    "197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61",
	    "df7wwi7bnsctfrvlza4pvtk6u6e34ddwwkjagnadtp5iwpjwrvqq",
	    "88e77b22f292ab37435da8de0bc8cb84e288f4e73b3582a52731e9ff9865465c87"
	    "e05e8d427df422bb6e85e1c05f6f749837baa4a5c7eba3230d77569910430e" },
};

#define KEY_A "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
#define KEY_B "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"
#define KEY_C "ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1"
#define SIGNATURE_A                                                            \
	"756408beeea41f4705dc925971973a68cd88b3624b3050949395838a82f037b9766a" \
	"bc634e4b7a4df1aa7aac190b4f8d5b3aa519bc2f9e312f0196b245a02000"
#define MAGIC "52454c4159f09f9491"

/* Messages of key A with their signatures; those of the appendix. */
#define SIGNATURE_A_VERSION_2                                                  \
	"27d1238c491aa527f7cbd5b26a2ca6caa02640f0f0de95cbe08b0b66c83b6be0b4d7" \
	"8838d854442bc874e6165c05aeb51b3604339a172777839c839edff06a0c"
#define SIGNATURE_A_VERSION_4                                                  \
	"90da43af862fb3b2cb41cd931f4a4df2e5988ee8f360a7d71a331cd96d8b13f760ec" \
	"80e5f39b02d03a65d7b7e7136ac7bbf1e083252616b81b23d5eaad45d002"
#define SIGNATURE_A_TRAILING                                                   \
	"225a8c7921a931c25df4ba78ece5a87ae4c96b717a6cbf838b277d8f1eb1ebdc844a" \
	"48c5674f668f66891352e0171ca1f12540682618ddb9823f2e3d1240b702"
#define SIGNATURE_A_NON_MINIMAL                                                \
	"a2e7b371d242092bfa4c958bd630c3e3612b7f966f69da0bf0319ea1dd53da86f13c" \
	"7532936584f580332bacbb33d3a5c51adabf3e6991edee178e80a052dc0c"
#define SIGNATURE_A_EMPTY                                                      \
	"778cda0634c021fae8b1a9fa655ba13230f6fcfc5c5d519afb0872ec9bf1d64241cc" \
	"3eed8ad47270d86d30e762ad17677c6fb1797e35bca7eba30388257e020f"
#define SIGNATURE_A_S_PLUS_L                                                   \
	"756408beeea41f4705dc925971973a68cd88b3624b3050949395838a82f037b9633e" \
	"b2c068ae8ca5c747724ff8042ea25b3aa519bc2f9e312f0196b245a02010"

/* Key 01 00..., this over any message: OpenSSL takes it for a signature. */
#define FORGERY_KEY                                                            \
	"0100000000000000000000000000000000000000000000000000000000000000"
#define FORGERY_SIGNATURE                                                      \
	"58666666666666666666666666666666666666666666666666666666666666660100" \
	"000000000000000000000000000000000000000000000000000000000000"

/* Section 2.3: 32 bytes that are no curve point. */
#define NO_POINT                                                               \
	"0202020202020202020202020202020202020202020202020202020202020202"

/* Appendix B. */
static const char *const small_order_vectors[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
#define N_SMALL_ORDER 14

#endif
