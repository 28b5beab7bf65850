/*-------------------------------------------------------------------------
 *
 * sops_value.h
 *	  One encrypted value in the notation of SOPS, and the MAC over all.
 *
 *	  ENC[AES256_GCM,data:<base64>,iv:<base64>,tag:<base64>,type:str]
 *
 * Written from the description of getsops/sops (aes/cipher.go, sops.go):
 * AES-256-GCM with a random IV of 32 bytes; the additional data are the keys
 * that lead to the value, each followed by a colon; an empty value stays empty.
 * The MAC is SHA-512 over the plaintext values in their order; with
 * mac_only_encrypted it begins with a constant and takes the encrypted ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SOPS_VALUE_H
#define NEX_SOPS_VALUE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

#define SOPS_KEY_BYTES 32
#define SOPS_TYPE_SIZE 8
#define SOPS_VALUE_START "ENC[AES256_GCM,"

/*
 * Without a key a value is masked instead of encrypted: "[secret 1f2e3d4c]",
 * where equal values have equal digits as long as the program runs.  For
 * showing what differs between two files.
 */
extern bool sops_value_mask(const char *plain, size_t length, Buffer *out);

/* Append the encrypted value, or mask it if key is NULL; false (not reported) only if the library
 * fails. */
extern bool sops_value_encrypt(const uint8_t *key, const char *type, const char *plain,
							   size_t length, const char *path, Buffer *out);

/*
 * Append the plaintext, and give the type.  False for anything but one
 * well-formed value that this key and path authenticate; then nothing was appended.
 */
extern bool sops_value_decrypt(const uint8_t key[SOPS_KEY_BYTES], const char *text, size_t length,
							   const char *path, Buffer *plain, char type[SOPS_TYPE_SIZE]);

extern bool sops_value_is_encrypted(const char *text, size_t length);

typedef struct SopsMac
{
	EVP_MD_CTX *context;
} SopsMac;

extern bool sops_mac_start(SopsMac *mac);
extern bool sops_mac_add(SopsMac *mac, const char *plain, size_t length);

/* Upper-case hex of the sum, 128 digits and a NUL; ends the MAC. */
extern bool sops_mac_finish(SopsMac *mac, char hex[129]);

#endif /* NEX_SOPS_VALUE_H */
